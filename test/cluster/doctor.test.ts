/** `podflame doctor` against a real API server, as users of limited rights. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podflame } from "../cli/podflame.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

const POD = ["--pod", "default/web"];
const BY_UID = [
  "--set",
  "processors::k8s_attributes::pod_association=[{sources: [{from: resource_attribute, name: k8s.pod.uid}]}]",
];

interface Listed {
  readonly topic: string;
  readonly what: string;
  readonly state: string;
  readonly detail: string;
}

describe.skipIf(missing !== undefined)("podflame doctor on a real API server", () => {
  let cluster: Cluster;
  /** Kubeconfig of an account that may follow pods and nothing else. */
  let ofPods: string;

  beforeAll(async () => {
    cluster = await Cluster.start();
    for (const name of ["node-1", "node-2"]) {
      await cluster.json("/api/v1/nodes", { method: "POST", body: { metadata: { name } } });
    }
    await cluster.json("/api/v1/namespaces/default/pods", {
      method: "POST",
      body: { metadata: { name: "web" }, spec: { nodeName: "node-1", containers: [{ name: "app", image: "app:1" }] } },
    });
    ofPods = await file(cluster.kubeconfigFor(await cluster.serviceAccount("pods")));
    await cluster.kubectl("create", "clusterrole", "pods", "--verb=list,watch", "--resource=pods");
    await cluster.kubectl(
      "create",
      "clusterrolebinding",
      "pods",
      "--clusterrole=pods",
      "--serviceaccount=default:pods",
    );
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  async function file(content: string): Promise<string> {
    const path = join(cluster.state, randomUUID());
    await writeFile(path, content);
    return path;
  }

  async function doctor(
    kubeconfig: string,
    filter: object = {},
  ): Promise<{ readonly code: number | null; readonly checks: readonly Listed[] }> {
    const config = await file(
      JSON.stringify({
        receivers: { otlp: { protocols: { grpc: null } } },
        processors: { k8s_attributes: { auth_type: "kubeConfig", kube_config_path: kubeconfig, filter } },
        exporters: { debug: null },
        service: {
          telemetry: { metrics: { level: "none" } },
          pipelines: { traces: { receivers: ["otlp"], processors: ["k8s_attributes"], exporters: ["debug"] } },
        },
      }),
    );
    const { code, stdout } = await podflame(["doctor", "--config", config, "--json"]);
    return { code, checks: JSON.parse(stdout) as Listed[] };
  }

  const of = (checks: readonly Listed[], topic: string): readonly Listed[] =>
    checks.filter((check) => check.topic === topic);

  test("says which server answers, as whom, and that the clocks agree", async () => {
    const { code, checks } = await doctor(ofPods);
    expect(of(checks, "api")).toMatchObject([
      {
        what: cluster.api,
        state: "ok",
        detail: expect.stringMatching(/^Kubernetes v1\.\d+.* answered in \d+ ms$/) as string,
      },
      { what: "clock", state: "ok" },
      { what: "processors::k8s_attributes", detail: "as system:serviceaccount:default:pods" },
    ]);
    expect(of(checks, "rights")).toMatchObject([{ what: "pods in the whole cluster", state: "ok" }]);
    expect(code).toBe(0);
  });

  test("says that credentials are refused", async () => {
    const { code, checks } = await doctor(await file(cluster.kubeconfigFor("no-such-token")));
    expect(of(checks, "api")).toMatchObject([{ state: "problem", detail: "doesn't know these credentials (401)" }]);
    expect(of(checks, "rights")).toEqual([]);
    expect(code).toBe(2);
  });

  test("knows nodes from names that are none, where it may see nodes", async () => {
    const known = await doctor(cluster.kubeconfig, { node: "node-2" });
    expect([known.code, of(known.checks, "node")]).toMatchObject([0, [{ state: "ok", what: "node-2" }]]);
    const unknown = await doctor(cluster.kubeconfig, { node: "node-3" });
    expect([unknown.code, of(unknown.checks, "node")]).toMatchObject([
      1,
      [{ state: "problem", what: "node-3", detail: "is not a node of this cluster" }],
    ]);
  });

  test("goes by the pods on a node where it may not see nodes", async () => {
    const known = await doctor(ofPods, { node: "node-1" });
    expect([known.code, of(known.checks, "node")]).toMatchObject([0, [{ state: "ok", detail: "pods are on it" }]]);
    const unknown = await doctor(ofPods, { node: "node-3" });
    expect([unknown.code, of(unknown.checks, "node")]).toMatchObject([0, [{ state: "note" }]]);
  });

  test("explains a pod with the rights of the configuration, and says that a filter leaves it out", async () => {
    const explain = async (
      node: string,
      ...words: readonly string[]
    ): Promise<{ readonly stdout: string; readonly stderr: string }> => {
      const config = await file(
        JSON.stringify({
          receivers: { otlp: { protocols: { grpc: null } } },
          processors: { k8s_attributes: { auth_type: "kubeConfig", kube_config_path: ofPods, filter: { node } } },
          exporters: { debug: null },
          service: {
            pipelines: { logs: { receivers: ["otlp"], processors: ["k8s_attributes"], exporters: ["debug"] } },
          },
        }),
      );
      return podflame(["explain", "--config", config, ...words]);
    };
    expect((await explain("node-1", ...POD)).stdout).toMatch(
      /^ {2}k8s\.node\.name +node-1 +spec\.nodeName of the pod$/m,
    );
    expect((await explain("node-2", ...POD)).stderr).toContain(
      "the filter of processors::k8s_attributes leaves it out",
    );
    const { metadata } = await cluster.json<{ metadata: { uid: string } }>("/api/v1/namespaces/default/pods/web");
    const unknown = await explain("node-2", ...BY_UID, "--resource", `k8s.pod.uid=${metadata.uid}`);
    expect(unknown.stdout).toContain(
      "it is of pod default/web on node node-1, which the filter of processors::k8s_attributes leaves out",
    );
  });
});
