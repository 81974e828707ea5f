import { expect, test } from "vitest";
import { Secret } from "#collector";
import { Directory, IdentityView } from "#identity";
import { ManualClock, MetricRegistry } from "#telemetry";
import { containerOf, ownerOf, podOf } from "../../../identity/pod-fixtures.ts";
import { Extraction, type ExtractionConfig } from "./extraction.ts";
import { METADATA_NAMES } from "./metadata.ts";
import { Origins } from "./origins.ts";
import { ValueHash } from "./value-hash.ts";

const EVERYTHING: ExtractionConfig = {
  metadata: METADATA_NAMES,
  labels: [{ from: "pod", key: undefined, keyRegex: "app\\.(.*)", tagName: "$1" }],
  annotations: [{ from: "pod", key: "team", keyRegex: undefined, tagName: undefined, hash: true }],
  otelAnnotations: true,
  semconv: "both",
  hash: new ValueHash(new Secret("a key")),
};

const OWNERS = [
  ownerOf("ReplicaSet", "web-66f5996c7c"),
  ownerOf("Job", "nightly-27402240"),
  ownerOf("DaemonSet", "agent"),
  ownerOf("StatefulSet", "db"),
];

test.each(OWNERS.map((owner) => [owner.kind, owner] as const))(
  "knows where everything comes from that a pod of a %s gives",
  (_, owner) => {
    const clock = new ManualClock();
    const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
    directory.upsert(
      podOf({
        uid: "u",
        name: "p",
        namespace: "n",
        hostname: "h",
        nodeName: "node",
        podIps: ["10.0.0.1"],
        createdMs: 27402240 * 60_000,
        owners: [owner],
        labels: new Map([
          ["pod-template-hash", "66f5996c7c"],
          ["app.kubernetes.io/version", "7"],
          ["app.tier", "front"],
        ]),
        annotations: new Map([
          ["team", "a"],
          ["resource.opentelemetry.io/x", "y"],
        ]),
        containers: [
          containerOf({ name: "c", image: "r/i:1", containerId: "containerd://a", imageId: "r/i@sha256:1" }),
        ],
      }),
    );
    const record = directory.findUidText("u")!;
    const [instance] = record.instances;
    const extraction = new Extraction(EVERYTHING);
    const origins = new Origins(EVERYTHING, new IdentityView(directory, 0, clock));
    const given = [...extraction.ofPod(record.pod, record), ...extraction.ofInstance(instance!)];
    expect(given.length).toBeGreaterThan(18);
    const told = new Map(
      given.map(([name, value]) => [name, origins.of(name, value, { record, instance }, new Map())]),
    );
    expect([...told].filter(([, origin]) => origin === undefined)).toEqual([]);
    expect(Object.fromEntries(told)).toMatchObject({
      "k8s.pod.name": "metadata.name of the pod",
      tier: "label app.tier (extract.labels[0]) of the pod",
      "k8s.pod.annotation.team": "annotation team (extract.annotations[0], hashed) of the pod",
      x: "annotation resource.opentelemetry.io/x (extract.otel_annotations) of the pod",
      "container.image.tag": "the container's image r/i:1",
    });
  },
);

test("doesn't take somebody else's value for its own", () => {
  const origins = new Origins(EVERYTHING, undefined);
  expect(origins.of("k8s.pod.name", "p", { record: undefined, instance: undefined }, new Map())).toBeUndefined();
});
