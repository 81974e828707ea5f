/** Agents that prove by the tokens of their pods for which nodes they may ask a gateway, on a real API server. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { GatewayStream } from "../../src/collector/components/k8s-identity-extension/gateway-connection.ts";
import { IdentityServer } from "../../src/collector/components/k8s-identity-extension/identity-server.ts";
import { type IdentityHandle, IdentityHub, sourcesOpener } from "#identity";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { BufferPool } from "#wire";
import { podflame } from "../cli/podflame.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

const KEYS = { label: () => true, annotation: () => false };
const telemetry = () => ({ clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger });
const soon = { timeout: 30_000 };

describe.skipIf(missing !== undefined)("agents of a gateway", () => {
  let cluster: Cluster;
  let endpoint: string;
  let gateway: IdentityServer | undefined;

  beforeAll(async () => {
    cluster = await Cluster.start();
    for (const name of ["agent", "other"]) await cluster.kubectl("create", "serviceaccount", name);
    for (const [name, node] of [
      ["agent-one", "node-1"],
      ["agent-two", "node-2"],
    ]) {
      await cluster.json("/api/v1/nodes", { method: "POST", body: { metadata: { name: node } } });
      const spec = { nodeName: node, serviceAccountName: "agent", containers: [{ name: "main", image: "agent:1" }] };
      const pod = { metadata: { name }, spec };
      await cluster.json("/api/v1/namespaces/default/pods", { method: "POST", body: pod });
    }
    // With the rights that `rbac print` says, no more.
    const kubeConfigPath = join(cluster.state, "gateway.kubeconfig");
    await writeFile(kubeConfigPath, cluster.kubeconfigFor(await cluster.serviceAccount("gateway")));
    const serve = { service_accounts: ["default/agent"], auth_type: "kubeConfig", kube_config_path: kubeConfigPath };
    const config = join(cluster.state, "gateway.yaml");
    await writeFile(
      config,
      JSON.stringify({
        extensions: { k8s_identity: { serve } },
        receivers: { otlp: { protocols: { grpc: null } } },
        exporters: { debug: null },
        service: {
          extensions: ["k8s_identity"],
          pipelines: { traces: { receivers: ["otlp"], exporters: ["debug"] } },
        },
      }),
    );
    const words = ["rbac", "print", "--config", config, "--service-account", "default/gateway"];
    const roles = join(cluster.state, "gateway-roles.yaml");
    await writeFile(roles, (await podflame(words, { isShared: true })).stdout);
    await cluster.kubectl("apply", "-f", roles);

    const context = { telemetry: telemetry(), buffers: new BufferPool() };
    const hub = new IdentityHub({ ...context, open: sourcesOpener({ sources: ["api"], nodeName: "" }) });
    const client = { authType: "kubeConfig", kubeConfigPath } as const;
    const needs = { source: { kind: "api", client, selection: {} }, keys: KEYS, keysName: "all", graceMs: 0 } as const;
    const users = new Set(["system:serviceaccount:default:agent"]);
    const access = { kind: "pod tokens", users, audience: "podflame", client } as const;
    gateway = new IdentityServer({ grpc: { endpoint: "127.0.0.1:0" }, access, needs }, hub, context);
    await gateway.start();
    endpoint = gateway.address;
  });
  afterAll(async () => {
    await gateway?.stop(AbortSignal.timeout(5_000));
    await cluster[Symbol.asyncDispose]();
  });

  /** Of the account's pod, or of none; for an audience, as a projected volume asks for it. */
  async function tokenOf(account: string, pod: string | undefined, audience: string): Promise<string> {
    const args = ["create", "token", account, `--audience=${audience}`];
    if (pod !== undefined) args.push("--bound-object-kind=Pod", `--bound-object-name=${pod}`);
    return await cluster.kubectl(...args);
  }

  async function agentWith(token: string, node: string): Promise<IdentityHandle> {
    const tokenFile = join(cluster.state, `token-${randomUUID()}`);
    await writeFile(tokenFile, token);
    const open = sourcesOpener({
      sources: ["gateway"],
      nodeName: node,
      gateway: {
        endpoint,
        connect: (own) =>
          new GatewayStream({ client: { endpoint }, tokenFile }, { telemetry: own, buffers: new BufferPool() }),
      },
    });
    const hub = new IdentityHub({ telemetry: telemetry(), open });
    const source = { kind: "api", client: { authType: "none" }, selection: {} } as const;
    const handle = hub.join({ source, keys: KEYS, keysName: "all", graceMs: 0 });
    await handle.start();
    onTestFinished(() => handle.shutdown());
    return handle;
  }

  test("are told of the node on which their pod is", async () => {
    const handle = await agentWith(await tokenOf("agent", "agent-one", "podflame"), "node-1");
    await expect.poll(() => handle.view.directory.isSynced, soon).toBe(true);
    expect([...handle.view.directory.records()].map(({ pod }) => pod.name)).toEqual(["agent-one"]);
  });

  test.each([
    ["another node", ["agent", "agent-one", "podflame"], "the token is of a pod on node node-1"],
    ["theirs by a token of no pod", ["agent", undefined, "podflame"], "the token isn't a pod's"],
    [
      "theirs by another account's token",
      ["other", undefined, "podflame"],
      "serves no system:serviceaccount:default:other",
    ],
    [
      "theirs by a token for the API server",
      ["agent", "agent-two", "https://kubernetes.default.svc"],
      "wasn't made for",
    ],
  ] as const)("are not told of %s", async (_, [account, pod, audience], error) => {
    const handle = await agentWith(await tokenOf(account, pod, audience), "node-2");
    await expect.poll(() => handle.state().lastError, soon).toContain(error);
    expect(handle.view.directory.size).toBe(0);
  });
});
