import { describe, expect, test } from "vitest";
import { k8sAttributesConfig, type K8sAttributesConfig } from "./config.ts";

function parse(section: unknown): K8sAttributesConfig {
  const result = k8sAttributesConfig.parse(section);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** All problems as `path: message`. */
function problems(section: unknown): string[] {
  const result = k8sAttributesConfig.parse(section);
  return "problems" in result ? result.problems.map(({ path, message }) => `${path.join(".")}: ${message}`) : [];
}

const byAttribute = (...names: string[]): unknown => ({
  sources: names.map((name) => ({ from: "resource_attribute", name })),
});

describe("what is accepted", () => {
  test("CFG-1, CFG-37: an empty section has the Collector's defaults", () => {
    for (const empty of [null, {}]) {
      expect(parse(empty)).toEqual({
        source: { kind: "api", client: { authType: "serviceAccount", qps: 5, burst: 10 }, selection: {} },
        enrichment: {
          extraction: {
            metadata: [
              "k8s.namespace.name",
              "k8s.pod.name",
              "k8s.pod.uid",
              "k8s.pod.start_time",
              "k8s.node.name",
              "k8s.deployment.name",
              "container.image.name",
              "container.image.tags",
            ],
            labels: [],
            annotations: [],
            otelAnnotations: false,
            semconv: "stable",
            patternLimits: {
              deny: expect.any(Array) as string[],
              maxValueLength: 4_096,
              maxAttributes: 64,
              maxValues: 10_000,
            },
          },
          excludedPods: ["jaeger-agent", "jaeger-collector"],
        },
        pending: { maxWaitMs: 3_000, maxBytes: 64 * 2 ** 20 },
        association: [],
        onMiss: "next",
        waitForMetadataMs: undefined,
        graceMs: 120_000,
        semconvGiven: false,
        warnings: [],
      });
    }
  });

  test("CFG-2: a full section is taken one to one", () => {
    const config = parse({
      auth_type: "kubeConfig",
      context: "prod",
      kube_config_path: "/etc/kubeconfig",
      kube_api_qps: 20,
      kube_api_burst: 40,
      extract: {
        metadata: ["k8s.pod.name", "container.image.tag"],
        labels: [{ tag_name: "l1", key: "label1", from: "pod" }, { key_regex: "app(.*)" }],
        annotations: [{ key: "a" }],
      },
      filter: {
        namespace: "ns2",
        node: "ip-111.us-west-2.compute.internal",
        labels: [
          { key: "key1", value: "value1" },
          { key: "key2", value: "value2", op: "not-equals" },
          { key: "key3", op: "exists" },
          { key: "example.com/key4", op: "does-not-exist" },
        ],
        fields: [
          { key: "status.phase", value: "Running", op: "equals" },
          { key: "metadata.name", value: "a,b", op: "not-equals" },
        ],
      },
      pod_association: [byAttribute("ip"), { sources: [{ from: "connection", name: "ip" }] }],
      exclude: { pods: [{ name: "a" }, { name: "b" }] },
    });
    expect(config.source).toEqual({
      kind: "api",
      client: { authType: "kubeConfig", context: "prod", kubeConfigPath: "/etc/kubeconfig", qps: 20, burst: 40 },
      selection: {
        namespace: "ns2",
        fieldSelector: "spec.nodeName=ip-111.us-west-2.compute.internal,status.phase=Running,metadata.name!=a\\,b",
        labelSelector: "key1=value1,key2!=value2,key3,!example.com/key4",
      },
    });
    expect(config.enrichment.extraction.metadata).toEqual(["k8s.pod.name", "container.image.tags"]);
    expect(config.enrichment.extraction.labels).toEqual([
      { from: "pod", key: "label1", keyRegex: undefined, tagName: "l1" },
      { from: "pod", key: undefined, keyRegex: "app(.*)", tagName: undefined },
    ]);
    expect(config.association).toEqual([byAttribute("ip"), { sources: [{ from: "connection" }] }]);
    expect(config.enrichment.excludedPods).toEqual(["a", "b"]);
  });

  test("an explicit empty list of metadata extracts nothing, an empty list of excluded pods is the default (CFG-34)", () => {
    const config = parse({ extract: { metadata: [] }, exclude: { pods: [] } });
    expect(config.enrichment.extraction.metadata).toEqual([]);
    expect(config.enrichment.excludedPods).toEqual(["jaeger-agent", "jaeger-collector"]);
  });

  test("CFG-16, CFG-26, CFG-27: times", () => {
    const config = parse({
      wait_for_metadata: true,
      wait_for_metadata_timeout: "30s",
      watch_sync_period: "0s",
      pod_delete_grace_period: "0s",
    });
    expect([config.waitForMetadataMs, config.graceMs]).toEqual([30_000, 0]);
  });

  test("CFG-30: the variable for the node wins over a given node", () => {
    process.env["PODFLAME_TEST_NODE"] = "node-1";
    try {
      const config = parse({ filter: { node: "other", node_from_env_var: "PODFLAME_TEST_NODE" } });
      expect(config.source).toMatchObject({ selection: { fieldSelector: "spec.nodeName=node-1" } });
    } finally {
      delete process.env["PODFLAME_TEST_NODE"];
    }
  });

  test("a file of pods replaces the API, and passthrough needs neither", () => {
    expect(parse({ identity_file: "pods.json" }).source).toEqual({ kind: "file", path: "pods.json" });
    expect(parse({ passthrough: true }).source).toBeUndefined();
  });
});

describe("what is refused", () => {
  test.each([
    ["CFG-4: an unknown name of metadata", { extract: { metadata: ["k8s.cluster.name"] } }, "extract.metadata.0: "],
    ["CFG-5: five sources", { pod_association: [byAttribute("a", "b", "c", "d", "e")] }, "5 sources; 4 are the most"],
    ["CFG-6: key and key_regex of a label", { extract: { labels: [{ key: "a", key_regex: "b" }] } }, "both key and"],
    [
      "CFG-7: key and key_regex of an annotation",
      { extract: { annotations: [{ key: "a", key_regex: "b" }] } },
      "extract.annotations.0: gives both",
    ],
    ["a rule without key", { extract: { labels: [{ tag_name: "a" }] } }, "neither key nor key_regex"],
    [
      "CFG-8: labels of something unknown",
      { extract: { labels: [{ key: "a", from: "unknown" }] } },
      "expected one of pod, namespace, node",
    ],
    ["CFG-10: a regular expression", { extract: { labels: [{ key_regex: "[" }] } }, "is no regular expression"],
    ["CFG-11: one of annotations", { extract: { annotations: [{ key_regex: "[" }] } }, "is no regular expression"],
    [
      "CFG-12: an operator for labels",
      { filter: { labels: [{ key: "a", value: "b", op: "in" }] } },
      "filter.labels.0.op",
    ],
    ["CFG-13: exists for fields", { filter: { fields: [{ key: "a", op: "exists" }] } }, "filter.fields.0.op"],
    ["FLT-2: a label's key", { filter: { labels: [{ key: "a b", value: "c" }] } }, "is no label key"],
    ["FLT-2: a label's value", { filter: { labels: [{ key: "a", value: "c d" }] } }, "is no label value"],
    [
      "CFG-14: a variable that isn't set",
      { filter: { node_from_env_var: "PODFLAME_UNSET" } },
      "PODFLAME_UNSET is not set",
    ],
    ["CFG-15: an unknown auth_type", { auth_type: "tls" }, '"tls"'],
    ["CFG-26: a negative period", { watch_sync_period: "-1s" }, "must be at least"],
    ["CFG-28: two equal rules", { pod_association: [byAttribute("a"), byAttribute("a")] }, "same sources as rule 1"],
    [
      "CFG-28: two rules of the same sources in another order",
      { pod_association: [byAttribute("a", "b"), byAttribute("b", "a")] },
      "pod_association.1: has the same sources",
    ],
    [
      "CFG-29: an excluded name",
      { exclude: { pods: [{ name: "[" }] } },
      "exclude.pods.0.name: is no regular expression",
    ],
    ["a rule without sources", { pod_association: [{ sources: [] }] }, "matches nothing"],
    ["a source from elsewhere", { pod_association: [{ sources: [{ from: "label", name: "a" }] }] }, "expected one of"],
    ["a source without name", { pod_association: [{ sources: [{ from: "resource_attribute" }] }] }, "name: is missing"],
    ["the key regex", { extract: { labels: [{ key: "a", regex: "b" }] } }, "removed it in release 0.122"],
    [
      "a filter for a file",
      { identity_file: "a", filter: { namespace: "b" } },
      "filter: has no effect on identity_file",
    ],
    ["an unknown key", { extrct: {} }, 'did you mean "extract"'],
  ])("%s", (_, section, message) => expect(problems(section).join("\n")).toContain(message));

  test("an empty variable for the node, which upstream takes for the whole cluster", () => {
    process.env["PODFLAME_TEST_NODE"] = "";
    try {
      expect(problems({ filter: { node_from_env_var: "PODFLAME_TEST_NODE" } })[0]).toContain("is empty");
    } finally {
      delete process.env["PODFLAME_TEST_NODE"];
    }
  });

  test("everything at once", () => {
    expect(problems({ auth_type: "x", nonsense: 1, extract: { metadata: ["y"] } })).toHaveLength(3);
  });
});

describe("CFG-28: rules that differ", () => {
  test.each([
    [[byAttribute("k8s.pod.ip"), { sources: [{ from: "connection", name: "k8s.pod.ip" }] }]],
    [[byAttribute("k8s.pod.uid"), byAttribute("k8s.pod.uid", "k8s.pod.name")]],
  ])("%j", (rules) => expect(problems({ pod_association: rules })).toEqual([]));
});

describe("warnings", () => {
  test.each([
    ["a removed key", { extract: { deployment_name_from_replicaset: true } }, "deployment_name_from_replicaset"],
    ["a name without effect", { extract: { labels: [{ key_regex: "a.*", tag_name: "b" }] } }, "labels[0].tag_name"],
    ["a rule that nothing fits", { pod_association: [byAttribute("team")] }, "pod_association[0] can never match"],
    ["a context without kubeconfig", { context: "a" }, "context has no effect"],
  ])("%s", (_, section, warning) => expect(parse(section).warnings.join()).toContain(warning));

  test("none for what can match", () => {
    const rules = ["container.id", "k8s.pod.ip", "ip", "host.name", "k8s.deployment.name", "team"].map((n) =>
      byAttribute(n),
    );
    const config = parse({ pod_association: rules, extract: { labels: [{ key: "team", tag_name: "team" }] } });
    expect(config.warnings).toEqual([]);
  });
});
