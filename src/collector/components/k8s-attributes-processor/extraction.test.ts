import { describe, expect, test } from "vitest";
import { asksToBeIgnored, Extraction, type ExtractionConfig } from "./extraction.ts";
import { hasGroups, wholeKeyRegExp } from "./key-rules.ts";
import { parseImage, repoDigest } from "./image.ts";
import { METADATA_NAMES, type MetadataName } from "./metadata.ts";
import { containerOf, ownerOf, podOf } from "./processor-fixture.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

function extraction(config: Partial<ExtractionConfig>): Extraction {
  return new Extraction({
    metadata: [],
    labels: [],
    annotations: [],
    otelAnnotations: false,
    semconv: "stable",
    ...config,
  });
}

function metadata(...names: MetadataName[]): Extraction {
  return extraction({ metadata: names });
}

const created = Date.parse("2026-11-22T10:00:00Z");

/** A pod as upstream's tests have it, with the hash label that a Deployment's pods carry. */
const pod = podOf({
  uid: "pod-uid",
  name: "auth-service-abc12-xyz3",
  namespace: "ns1",
  nodeName: "node1",
  hostname: "host1",
  podIps: ["1.1.1.1", "fd00::1"],
  createdMs: created,
  startedMs: created + 5_000,
  labels: new Map([
    ["label1", "lv1"],
    ["label2", "k1=v1 k5=v5 extra!"],
    ["empty", ""],
    ["pod-template-hash", "66f5996c7c"],
  ]),
  annotations: new Map([["annotation1", "av1"]]),
  owners: [
    ownerOf("ReplicaSet", "auth-service-66f5996c7c"),
    ownerOf("DaemonSet", "auth-daemonset"),
    ownerOf("Job", `auth-cronjob-${Math.floor(created / 60_000)}`),
    ownerOf("StatefulSet", "pi-statefulset"),
  ],
});

const all = (from: Extraction, of = pod): Record<string, string> => Object.fromEntries(from.ofPod(of));

describe("metadata of a pod", () => {
  test("EXT-1: nothing where nothing is asked for", () => expect(all(metadata())).toEqual({}));

  test.each<[string, MetadataName[], Record<string, string>]>([
    ["EXT-3", ["k8s.replicaset.uid"], { "k8s.replicaset.uid": "auth-service-66f5996c7c-uid" }],
    ["EXT-4", ["k8s.replicaset.name"], { "k8s.replicaset.name": "auth-service-66f5996c7c" }],
    ["EXT-5", ["k8s.daemonset.uid"], { "k8s.daemonset.uid": "auth-daemonset-uid" }],
    ["EXT-6", ["k8s.daemonset.name"], { "k8s.daemonset.name": "auth-daemonset" }],
    ["EXT-7", ["k8s.job.uid"], { "k8s.job.uid": `auth-cronjob-${Math.floor(created / 60_000)}-uid` }],
    ["EXT-9", ["k8s.cronjob.name"], { "k8s.cronjob.name": "auth-cronjob" }],
    ["EXT-10", ["k8s.statefulset.uid"], { "k8s.statefulset.uid": "pi-statefulset-uid" }],
    ["EXT-11", ["k8s.statefulset.name"], { "k8s.statefulset.name": "pi-statefulset" }],
  ])("%s: %j", (_, names, expected) => expect(all(metadata(...names))).toEqual(expected));

  test("EXT-12: everything about the pod itself; the start time is the time of creation", () => {
    expect(
      all(
        metadata(
          "k8s.deployment.name",
          "k8s.namespace.name",
          "k8s.pod.name",
          "k8s.pod.uid",
          "k8s.pod.hostname",
          "k8s.pod.ip",
          "k8s.node.name",
          "k8s.pod.start_time",
        ),
      ),
    ).toEqual({
      "k8s.deployment.name": "auth-service",
      "k8s.namespace.name": "ns1",
      "k8s.pod.name": "auth-service-abc12-xyz3",
      "k8s.pod.uid": "pod-uid",
      "k8s.pod.hostname": "host1",
      "k8s.pod.ip": "1.1.1.1",
      "k8s.node.name": "node1",
      "k8s.pod.start_time": "2026-11-22T10:00:00Z",
    });
  });

  test("what a pod lacks is left out, not empty", () => {
    expect(all(extraction({ metadata: METADATA_NAMES }), podOf({ name: "a" }))).toEqual({
      "k8s.pod.name": "a",
      "service.name": "a",
    });
  });
});

describe("names of workloads", () => {
  test.each([
    ["EXT-30: hash label and name fit", "shop-66f5996c7c", "66f5996c7c", "shop"],
    ["EXT-30: dashes in the name", "shop-api-v2-66f5996c7c", "66f5996c7c", "shop-api-v2"],
    ["a short hash", "shop-5f4", "5f4", "shop"],
    ["EXT-31: no hash label, as of a Rollout", "shop-66f5996c7c", undefined, undefined],
    ["another hash", "shop-66f5996c7c", "aaaaaaaaaa", undefined],
    ["the hash alone", "66f5996c7c", "66f5996c7c", undefined],
    ["no dash before the hash", "shop66f5996c7c", "66f5996c7c", undefined],
  ])("deployment, %s", (_, replicaSet, hash, expected) => {
    const of = podOf({
      owners: [ownerOf("ReplicaSet", replicaSet)],
      labels: new Map(hash === undefined ? [] : [["pod-template-hash", hash]]),
    });
    expect(metadata("k8s.deployment.name").ofPod(of).get("k8s.deployment.name")).toBe(expected);
  });

  const minute = Math.floor(created / 60_000);
  test.each([
    ["the minute it was scheduled at", `backup-${minute}`, "backup"],
    ["a day before", `backup-${minute - 1_440}`, "backup"],
    ["more than a day before", `backup-${minute - 1_442}`, undefined],
    ["a date that looks like it", "backup-20260407", undefined],
    ["seven digits", "backup-2766792", undefined],
    ["no digits", "backup-daily", undefined],
    ["digits alone", `-${minute}`, undefined],
  ])("EXT-29: cronjob, %s", (_, job, expected) => {
    const of = podOf({ owners: [ownerOf("Job", job)], createdMs: created });
    expect(metadata("k8s.cronjob.name").ofPod(of).get("k8s.cronjob.name")).toBe(expected);
  });
});

describe("service.*", () => {
  const service = metadata("service.name", "service.namespace", "service.version");
  const labelled = (labels: Record<string, string>, annotations: Record<string, string> = {}): typeof pod => ({
    ...pod,
    labels: new Map(Object.entries(labels)),
    annotations: new Map(Object.entries(annotations)),
  });

  test("EXT-22: without labels the last owner gives the name", () => {
    expect(all(service, labelled({}))).toEqual({ "service.name": "pi-statefulset", "service.namespace": "ns1" });
  });

  test.each([
    ["a deployment over its replicaset", [ownerOf("ReplicaSet", "shop-abc")], "abc", "shop"],
    ["a replicaset of its own", [ownerOf("ReplicaSet", "shop-abc")], "", "shop-abc"],
    ["a cronjob over its job", [ownerOf("Job", `backup-${Math.floor(created / 60_000)}`)], "", "backup"],
    ["a job of its own", [ownerOf("Job", "import")], "", "import"],
    ["a node, as of static pods: the pod", [ownerOf("Node", "node1")], "", "auth-service-abc12-xyz3"],
    ["nobody: the pod", [], "", "auth-service-abc12-xyz3"],
  ])("owned by %s", (_, owners, hash, expected) => {
    const of = { ...pod, owners, labels: new Map([["pod-template-hash", hash]]) };
    expect(service.ofPod(of).get("service.name")).toBe(expected);
  });

  test("EXT-23: well-known labels", () => {
    const labels = { "app.kubernetes.io/name": "shop", "app.kubernetes.io/version": "1.2" };
    expect(all(service, labelled(labels))).toEqual({
      "service.name": "shop",
      "service.namespace": "ns1",
      "service.version": "1.2",
    });
  });

  test("EXT-24: the instance wins over the name", () => {
    const labels = { "app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "shop-eu" };
    expect(all(service, labelled(labels))["service.name"]).toBe("shop-eu");
  });

  test("EXT-25: annotations win over labels, the pod's own wish over the user's rule", () => {
    const labels = { "app.kubernetes.io/instance": "from-label", team: "from-user-label" };
    const otel = { "resource.opentelemetry.io/service.name": "from-otel" };
    const rules = {
      metadata: ["service.name"] as const,
      labels: [{ from: "pod" as const, key: "team", keyRegex: undefined, tagName: "service.name" }],
      annotations: [{ from: "pod" as const, key: "svc", keyRegex: undefined, tagName: "service.name" }],
    };
    const name = (annotations: Record<string, string>, otelAnnotations: boolean): string | undefined =>
      all(extraction({ ...rules, otelAnnotations }), labelled(labels, annotations))["service.name"];
    expect(name({ svc: "from-annotation", ...otel }, true)).toBe("from-otel");
    expect(name({ svc: "from-annotation", ...otel }, false)).toBe("from-annotation");
    expect(name({}, true)).toBe("from-label");
    expect(all(extraction(rules), labelled({ team: "from-user-label" }))["service.name"]).toBe("from-user-label");
  });

  test("CFG-35: otel_annotations give any attribute", () => {
    const of = labelled({}, { "resource.opentelemetry.io/team": "payments", other: "x" });
    expect(all(extraction({ otelAnnotations: true }), of)).toEqual({ team: "payments" });
    expect(all(extraction({}), of)).toEqual({});
  });
});

describe("labels and annotations", () => {
  const rule = (fields: { key?: string; keyRegex?: string; tagName?: string }) => [
    { from: "pod" as const, key: fields.key, keyRegex: fields.keyRegex, tagName: fields.tagName },
  ];

  test.each([
    ["EXT-14: a key with a name", { labels: rule({ key: "label1", tagName: "l1" }) }, { l1: "lv1" }],
    ["a key without", { labels: rule({ key: "label1" }) }, { "k8s.pod.label.label1": "lv1" }],
    [
      "EXT-16: a pattern",
      { labels: rule({ keyRegex: "la.*" }) },
      { "k8s.pod.label.label1": "lv1", "k8s.pod.label.label2": "k1=v1 k5=v5 extra!" },
    ],
    [
      "EXT-17: of annotations",
      { annotations: rule({ keyRegex: "an.*" }) },
      { "k8s.pod.annotation.annotation1": "av1" },
    ],
    ["EXT-18: a pattern must match the whole key", { annotations: rule({ keyRegex: "an*" }) }, {}],
    ["EXT-19: a group", { annotations: rule({ keyRegex: "annotation(\\d+)", tagName: "$1" }) }, { 1: "av1" }],
    [
      "EXT-20: the whole key",
      { annotations: rule({ keyRegex: "annotation(\\d+)", tagName: "prefix-$0" }) },
      { "prefix-annotation1": "av1" },
    ],
    [
      "EXT-21: a group, no name",
      { annotations: rule({ keyRegex: "annotation(\\d+)" }) },
      { "k8s.pod.annotation.annotation1": "av1" },
    ],
    [
      "a name without group is not used",
      { annotations: rule({ keyRegex: "annotation\\d", tagName: "x" }) },
      { "k8s.pod.annotation.annotation1": "av1" },
    ],
    [
      "named groups in Go's syntax",
      { annotations: rule({ keyRegex: "(?P<word>[[:alpha:]]+)(\\d)", tagName: "${word}.$2.$2x$$" }) },
      { "annotation.1.$": "av1" },
    ],
    ["flags in Go's syntax", { labels: rule({ keyRegex: "(?i)LABEL1" }) }, { "k8s.pod.label.label1": "lv1" }],
    ["an empty value is left out", { labels: rule({ key: "empty" }) }, {}],
    [
      "the later rule wins",
      { labels: [...rule({ key: "label1", tagName: "x" }), ...rule({ key: "label2", tagName: "x" })] },
      { x: "k1=v1 k5=v5 extra!" },
    ],
  ])("%s", (_, config, expected) => expect(all(extraction(config))).toEqual(expected));

  test("only what is needed is kept of a pod", () => {
    const { keys } = extraction({
      metadata: ["k8s.deployment.name"],
      labels: rule({ key: "team" }),
      annotations: rule({ keyRegex: "a.*" }),
    });
    expect(["team", "pod-template-hash", "app.kubernetes.io/name"].map((key) => keys.label(key))).toEqual([
      true,
      true,
      false,
    ]);
    expect(["ab", "b", "opentelemetry.io/k8s-processor/ignore"].map((key) => keys.annotation(key))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("a pattern with groups is told from one without", () => {
    expect(["a(b)c", "a(?:b)c", "a\\(b"].map(hasGroups)).toEqual([true, false, false]);
    expect(wholeKeyRegExp("a|b").test("ab")).toBe(false);
  });
});

describe("IGN-2: the annotation by which a pod asks not to be named", () => {
  test.each([
    ["True ", true],
    ["true", true],
    ["false", false],
    ["", false],
  ])("%j", (value, expected) => {
    for (const key of ["opentelemetry.io/k8s-processor/ignore", "opentelemetry.io/k8s-processor.ignore"]) {
      expect(asksToBeIgnored(podOf({ annotations: new Map([[key, value]]) }))).toBe(expected);
    }
  });
});

describe("images", () => {
  test.each([
    ["", undefined],
    ["aaa:", undefined],
    ["alpine", ["alpine", "", ""]],
    ["alpine:v1", ["alpine", "v1", ""]],
    ["test/alpine", ["test/alpine", "", ""]],
    ["example.com/alpine:1", ["example.com/alpine", "1", ""]],
    ["example.com:5000/alpine", ["example.com:5000/alpine", "", ""]],
    [`example.com:5000/alpine@${DIGEST}`, ["example.com:5000/alpine", "", DIGEST]],
    [`alpine:1@${DIGEST}`, ["alpine", "1", DIGEST]],
    ["alpine@sha256:short", undefined],
    ["alpine name", undefined],
  ])("EXC-9: %j", (image, parts) => {
    const parsed = parseImage(image);
    expect(parsed && [parsed.repository, parsed.tag, parsed.digest]).toEqual(parts);
  });

  test.each([
    [`alpine@${DIGEST}`, `alpine@${DIGEST}`],
    [`docker-pullable://alpine@${DIGEST}`, `alpine@${DIGEST}`],
    [DIGEST, undefined],
    [`docker://${DIGEST}`, undefined],
    ["", undefined],
  ])("EXC-5: the digest of imageID %j", (imageId, expected) => expect(repoDigest(imageId)).toBe(expected));
});

describe("attributes of a container", () => {
  const of = podOf({ namespace: "test-namespace", name: "test-pod" });
  const container = (image: string): Record<string, unknown> =>
    Object.fromEntries(
      metadata("container.image.name", "container.image.tags", "service.version", "service.instance.id").ofContainer(
        of,
        containerOf({ name: "container1", image }),
      ),
    );

  test.each([
    ["example.com:5000/test/image1:0.1.0", "example.com:5000/test/image1", "0.1.0", "0.1.0"],
    [`example.com:81/image2@${DIGEST}`, "example.com:81/image2", undefined, DIGEST],
    [`example-website.com/image3:1.0@${DIGEST}`, "example-website.com/image3", "1.0", `1.0@${DIGEST}`],
    ["test/init-image", "test/init-image", "latest", undefined],
  ])("EXC-6, EXC-7, EXC-8, EXC-10: %s", (image, name, tag, version) => {
    expect(container(image)).toEqual({
      "container.image.name": name,
      ...(tag === undefined ? {} : { "container.image.tags": [tag] }),
      ...(version === undefined ? {} : { "service.version": version }),
      "service.instance.id": "test-namespace.test-pod.container1",
    });
  });

  test("a name that is no image gives no image attributes", () => {
    expect(container("aaa:")).toEqual({ "service.instance.id": "test-namespace.test-pod.container1" });
  });
});
