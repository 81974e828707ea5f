import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { folderWith, podflame } from "./podflame.ts";

const REST = `
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
`;

/** All of the printed roles and bindings. */
async function printed(
  config: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string> {
  const folder = await folderWith({ "c.yaml": REST + config });
  const { code, stdout, stderr } = await podflame(["rbac", "print", "--config", "c.yaml", ...args], {
    cwd: folder,
    env,
  });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

const MIXED = `
processors:
  k8s_attributes:
    filter: { namespace: shop }
    extract:
      metadata: [k8s.deployment.uid, k8s.cluster.uid]
      labels: [{ key: team, from: node }]
  k8s_attributes/all:
    extract: { metadata: [k8s.pod.name], labels: [{ key: team, from: statefulset }] }
  k8s_attributes/unused:
    extract: { labels: [{ key: team, from: daemonset }] }
service: {pipelines: {traces: {receivers: [otlp], processors: [k8s_attributes, k8s_attributes/all], exporters: [debug]}}}
`;

test("gives Roles for a namespace and a ClusterRole for what is the cluster's", async () => {
  const text = await printed(MIXED, ["--service-account", "monitoring/otelcol"]);
  expect(text).toBe(readFileSync(`${import.meta.dirname}/testdata/rbac-mixed.yaml`, "utf8"));
  expect(parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind)).toEqual([
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
  ]);
});

test("gives the same as JSON, which kubectl takes as well", async () => {
  const documents = parseAllDocuments(await printed(MIXED)).map((document) => document.toJS() as unknown);
  expect(JSON.parse(await printed(MIXED, ["--json"]))).toEqual({ apiVersion: "v1", kind: "List", items: documents });
});

const EACH_NODE = `
processors:
  k8s_attributes:
    filter: { node_from_env_var: NODE_OF_THIS_POD }
    extract: { metadata: [k8s.node.uid] }
service: {pipelines: {traces: {receivers: [otlp], processors: [k8s_attributes], exporters: [debug]}}}
`;

test("gives all nodes where each has its own name in a variable, which needn't be set here", async () => {
  const rules = /nodes\]\n +verbs/;
  expect(await printed(EACH_NODE)).toMatch(rules);
  expect(await printed(EACH_NODE, [], { NODE_OF_THIS_POD: "node-1" })).toMatch(rules);
});

test("gives the one node that is named", async () => {
  const text = await printed(EACH_NODE.replace("node_from_env_var: NODE_OF_THIS_POD", "node: node-1"));
  expect(text).toContain("resources: [nodes]\n    resourceNames: [node-1]\n");
});

test("gives pods to a profiling receiver that selects by them", async () => {
  const profiles = "service: {pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}";
  const text = await printed(profiles, ["--set", "receivers::profiling::selection::namespaces::include=[shop]"]);
  expect(text).toContain("resources: [pods]");
});

test("gives what a kubelet asks for, and nothing of the API where no source is there", async () => {
  const identity = (sources: string): string => `
extensions: {k8s_identity: {sources: ${sources}, node: node-1, kubelet: {endpoint: "127.0.0.1:10250"}}}
processors: {k8s_attributes: }
service:
  extensions: [k8s_identity]
  pipelines: {traces: {receivers: [otlp], processors: [k8s_attributes], exporters: [debug]}}
`;
  expect((await printed(identity("[kubelet]"))).match(/resources: .*/g)).toEqual(["resources: [nodes/pods]"]);
  expect((await printed(identity("[api, kubelet]"))).match(/resources: .*/g)).toEqual([
    "resources: [pods]",
    "resources: [nodes/pods]",
  ]);
});

test("gives a gateway that serves agents the pods of all nodes, and its agents nothing", async () => {
  const identity = (section: string): string => `
extensions: {k8s_identity: ${section}}
processors: {k8s_attributes: {filter: {namespace: shop}}}
service:
  extensions: [k8s_identity]
  pipelines: {traces: {receivers: [otlp], processors: [k8s_attributes], exporters: [debug]}}
`;
  const gateway = await printed(identity("{serve: {objects: [Namespace, Deployment]}}"));
  expect(gateway.match(/kind: \w+Role$|kind: Role$|resources: .*/gm)).toEqual([
    "kind: ClusterRole",
    "resources: [pods]",
    "resources: [namespaces]",
    "resources: [deployments]",
    "kind: ClusterRole",
  ]);
  const reviewing = await printed(identity("{serve: {service_accounts: [shop/agent]}}"));
  expect(reviewing).toContain("resources: [tokenreviews]\n    verbs: [create]");
  const folder = await folderWith({
    "c.yaml": REST + identity("{sources: [gateway], node: node-1, gateway: {endpoint: gateway:4319}}"),
  });
  const { stdout, stderr } = await podflame(["rbac", "print", "--config", "c.yaml"], { cwd: folder });
  expect([stdout, stderr]).toEqual(["", expect.stringContaining("no rights needed")]);
});

test("gives none, and says so, where no API server is asked", async () => {
  const { code, stdout, stderr } = await podflame(["rbac", "print", "--config", "replay"]);
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toContain("no rights needed");
});

test.each([
  [["rbac", "print"], /needs a configuration/],
  [["rbac", "print", "--config", "agent", "--service-account", "nobody"], /expected namespace\/name/],
  [["rbac", "print", "--config", "yaml:processors: {k8s_attributes: {filter: {knode: a}}}"], /knode/],
])("refuses %j with 1", async (args, message) => {
  const { code, stderr } = await podflame(args);
  expect(stderr).toMatch(message);
  expect(code).toBe(1);
});
