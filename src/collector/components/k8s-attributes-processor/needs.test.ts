import { describe, expect, test } from "vitest";
import { k8sAttributesConfig } from "./config.ts";
import { rightsNeededBy } from "./needs.ts";

/** The rights as `group/resource in namespace [names]`. */
async function rights(section: unknown): Promise<string[]> {
  const result = k8sAttributesConfig.parse(section);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return (await rightsNeededBy(result.config)).map(({ apiGroup, resource, namespace, resourceNames, verbs }) => {
    expect(verbs).toEqual(["list", "watch"]);
    const where = namespace === undefined ? "" : ` in ${namespace}`;
    return `${apiGroup}/${resource}${where}${resourceNames === undefined ? "" : ` [${resourceNames.join()}]`}`;
  });
}

const extract = (...metadata: string[]): unknown => ({ extract: { metadata } });
const from = (...objects: string[]): unknown => ({
  extract: { metadata: [], labels: objects.map((each) => ({ from: each, key: "team" })) },
});

describe("the rights that a configuration needs", () => {
  test.each<[string, unknown, string[]]>([
    ["nothing said", {}, ["/pods"]],
    ["names of workloads", extract("k8s.deployment.name", "k8s.cronjob.name", "service.name"), ["/pods"]],
    ["a deployment's uid", extract("k8s.deployment.uid"), ["/pods", "apps/replicasets"]],
    ["a cronjob's uid", extract("k8s.cronjob.uid"), ["/pods", "batch/jobs"]],
    ["a node's uid", extract("k8s.node.uid"), ["/pods", "/nodes"]],
    ["the cluster's uid", extract("k8s.cluster.uid"), ["/pods", "/namespaces [kube-system]"]],
    [
      "labels of namespaces and the cluster's uid",
      { extract: { metadata: ["k8s.cluster.uid"], labels: [{ from: "namespace", key: "a" }] } },
      ["/pods", "/namespaces"],
    ],
    ["labels of deployments", from("deployment"), ["/pods", "apps/deployments", "apps/replicasets"]],
    ["labels of cronjobs", from("cronjob"), ["/pods", "batch/cronjobs", "batch/jobs"]],
    [
      "labels of everything else",
      from("node", "statefulset", "daemonset", "job", "replicaset"),
      ["/pods", "/nodes", "apps/statefulsets", "apps/daemonsets", "batch/jobs", "apps/replicasets"],
    ],
    [
      "one namespace, but what is the cluster's",
      { ...(extract("k8s.deployment.uid", "k8s.node.uid") as object), filter: { namespace: "shop" } },
      ["/pods in shop", "/nodes", "apps/replicasets in shop"],
    ],
    [
      "one node",
      {
        ...(extract("k8s.node.uid") as object),
        filter: { node: "node-1", fields: [{ key: "status.phase", value: "Running" }] },
      },
      ["/pods", "/nodes [node-1]"],
    ],
    [
      "an association rule that compares what isn't added",
      {
        ...(extract() as object),
        pod_association: [
          { sources: [{ from: "resource_attribute", name: "k8s.deployment.uid" }] },
          {
            sources: [
              { from: "resource_attribute", name: "k8s.cluster.uid" },
              { from: "resource_attribute", name: "k8s.pod.uid" },
            ],
          },
        ],
      },
      ["/pods", "apps/replicasets", "/namespaces [kube-system]"],
    ],
    ["no API", { passthrough: true }, []],
    ["a file", { identity_file: "pods.json" }, []],
  ])("%s", async (_, section, expected) => expect(await rights(section)).toEqual(expected));
});
