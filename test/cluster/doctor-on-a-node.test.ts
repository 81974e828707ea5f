/** `podflame doctor` and `explain` on a real node, with its kubelet and its container runtime as sources of identity. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { placedProcesses } from "../../src/cli/explain/container-on-host.ts";
import { podflame } from "../cli/podflame.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster({ withNode: true });
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no node to test on: ${missing}`);
  console.warn(`SKIPPED: no node to test on: ${missing}`);
}

const IMAGE = "localhost/busybox:1";

interface Listed {
  readonly topic: string;
  readonly what: string;
  readonly state: string;
  readonly detail: string;
}

describe.skipIf(missing !== undefined)("doctor on a node", () => {
  let cluster: Cluster;
  let node: string;
  let containerId: string;
  let podUid: string;

  beforeAll(async () => {
    cluster = await Cluster.startWithNode();
    await writeFile(join(cluster.state, "podflame.token"), await cluster.serviceAccount("podflame"));
    const verbs = ["--verb=get", "--resource=nodes/proxy,nodes/pods"];
    await cluster.kubectl("create", "clusterrole", "kubelet", ...verbs);
    const subject = ["--clusterrole=kubelet", "--serviceaccount=default:podflame"];
    await cluster.kubectl("create", "clusterrolebinding", "kubelet", ...subject);
    const command = ["--", "sleep", "100000"];
    await cluster.kubectl("run", "cart", `--image=${IMAGE}`, "--image-pull-policy=Never", "--command", ...command);
    await cluster.kubectl("wait", "--for=condition=Ready", "pod/cart", "--timeout=60s");
    const { metadata, spec, status } = await cluster.json<{
      readonly metadata: { readonly uid: string };
      readonly spec: { readonly nodeName: string };
      readonly status: { readonly containerStatuses: readonly { readonly containerID: string }[] };
    }>("/api/v1/namespaces/default/pods/cart");
    node = spec.nodeName;
    podUid = metadata.uid;
    containerId = status.containerStatuses[0]!.containerID.replace("containerd://", "");
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** Writes a configuration with that extension and filter; resolves with its path. */
  async function configOf(identity: object, filter: object = {}): Promise<string> {
    const path = join(cluster.state, "doctor.yaml");
    const config = {
      extensions: { k8s_identity: { node, ...identity } },
      receivers: { otlp: { protocols: { grpc: null } } },
      processors: {
        k8s_attributes: {
          auth_type: "kubeConfig",
          kube_config_path: cluster.kubeconfig,
          filter,
          pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
        },
      },
      exporters: { debug: null },
      service: {
        extensions: ["k8s_identity"],
        telemetry: { metrics: { level: "none" } },
        pipelines: { profiles: { receivers: ["otlp"], processors: ["k8s_attributes"], exporters: ["debug"] } },
      },
    };
    await writeFile(path, JSON.stringify(config));
    return path;
  }

  async function doctor(config: string): Promise<readonly Listed[]> {
    const { stdout, stderr } = await podflame(["doctor", "--config", config, "--json"]);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Listed[];
  }

  const of = (checks: readonly Listed[], topic: string): readonly Listed[] =>
    checks.filter((check) => check.topic === topic);
  const kubelet = (): object => ({
    endpoint: `127.0.0.1:${/^port: (\d+)$/m.exec(readFileSync(join(cluster.state, "kubelet.yaml"), "utf8"))![1]!}`,
    token_file: join(cluster.state, "podflame.token"),
    ca_file: fact(cluster.state, "CA"),
  });
  const cri = (): object => ({ endpoint: `unix://${fact(cluster.state, "CONTAINERD")}` });

  test("asks kubelet and runtime as well, and finds the pod's container named", async () => {
    const config = await configOf({ sources: ["api", "kubelet", "cri"], kubelet: kubelet(), cri: cri() });
    const checks = await doctor(config);
    expect(of(checks, "sources").map(({ state }) => state)).toEqual(["ok", "ok", "ok"]);
    const [summary, ...unnamed] = of(checks, "names");
    expect(summary?.detail).toMatch(/^[1-9]\d* of \d+ containers here are named/);
    expect(unnamed.find(({ what }) => containerId.startsWith(what))).toBeUndefined();
  });

  test("does without a kubelet that can't be reached, and says so", async () => {
    const sources = ["kubelet", "cri"];
    const config = await configOf({ sources, kubelet: { ...kubelet(), endpoint: "127.0.0.1:1" }, cri: cri() });
    const checks = await doctor(config);
    expect(of(checks, "sources")).toMatchObject([
      { state: "note", what: expect.stringContaining("127.0.0.1:1") as string },
      { state: "ok", what: expect.stringContaining("container runtime") as string },
    ]);
    expect(of(checks, "names")[0]?.detail).toMatch(/^[1-9]\d* of \d+ containers here are named/);
  });

  test("says that a filter leaves out the pod of a container that runs here", async () => {
    const checks = await doctor(await configOf({ sources: ["api"] }, { namespace: "elsewhere" }));
    const unnamed = of(checks, "names").find(({ what }) => containerId.startsWith(what));
    expect(unnamed).toMatchObject({
      state: "note",
      detail: expect.stringContaining(`of pod default/cart on ${node}, which the filter leaves out`) as string,
    });
  });

  test("explains a sandbox by its runtime", async () => {
    const [sandbox] = [...placedProcesses()].filter(
      ({ place }) => place.podUid === podUid && place.containerId !== undefined && place.containerId !== containerId,
    );
    const config = await configOf({ sources: ["cri"], cri: cri() });
    const id = sandbox!.place.containerId!;
    const { stdout } = await podflame(["explain", "--config", config, "--resource", `container.id=${id}`, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject([{ missed: "sandbox" }]);
  });

  test("explains a container by its runtime alone", async () => {
    const config = await configOf({ sources: ["cri"], cri: cri() });
    const words = ["explain", "--config", config, "--resource", `container.id=${containerId}`, "--json"];
    const { code, stdout } = await podflame(words);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        pod: { namespace: "default", name: "cart", node },
        container: { name: "cart", id: expect.any(String) as string },
      },
    ]);
  });
});

/** What up.sh says of the cluster. */
function fact(state: string, name: string): string {
  return new RegExp(`^${name}=(.*)$`, "m").exec(readFileSync(join(state, "env"), "utf8"))![1]!;
}
