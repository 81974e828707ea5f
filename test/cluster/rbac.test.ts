/**
 * `podflame rbac print` on a real API server: with just what it prints everything works, and with any rule less doctor
 * names the one that is missing.
 */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAccess, createApiClient } from "#kubernetes";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { podflame } from "../cli/podflame.ts";
import { RunningProcessor } from "../conformance/running-processor.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

interface Role {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly { readonly resources: readonly string[] }[];
}

interface Listed {
  readonly topic: string;
  readonly what: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy?: string;
}

const EVERYTHING = {
  extract: {
    metadata: ["k8s.pod.name", "k8s.deployment.uid", "k8s.cronjob.uid", "k8s.node.uid", "k8s.cluster.uid"],
    labels: ["node", "deployment", "statefulset", "daemonset", "job", "cronjob", "replicaset"].map((from) => ({
      from,
      key: "team",
    })),
  },
};
/** What of it needs no ClusterRole, and what does. */
const MIXED = {
  filter: { namespace: "shop", node: "node-1" },
  extract: {
    metadata: ["k8s.pod.name", "k8s.deployment.uid", "k8s.cluster.uid"],
    labels: [{ from: "node", key: "team" }],
  },
};

describe.skipIf(missing !== undefined)("podflame rbac print on a real API server", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start();
    for (const name of ["shop", "other"]) await cluster.kubectl("create", "namespace", name);
    await cluster.json("/api/v1/nodes", { method: "POST", body: { metadata: { name: "node-1" } } });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A configuration with a new service account of its own, the roles printed for it, and the means to grant them. */
  async function printed(section: object) {
    const account = `otelcol-${randomUUID()}`;
    const kubeconfig = join(cluster.state, `${account}.kubeconfig`);
    await writeFile(kubeconfig, cluster.kubeconfigFor(await cluster.serviceAccount(account)));
    const processor = { auth_type: "kubeConfig", kube_config_path: kubeconfig, ...section };
    const config = join(cluster.state, `${account}.yaml`);
    await writeFile(
      config,
      JSON.stringify({
        receivers: { otlp: { protocols: { grpc: null } } },
        processors: { k8s_attributes: processor },
        exporters: { debug: null },
        service: {
          telemetry: { metrics: { level: "none" } },
          pipelines: { traces: { receivers: ["otlp"], processors: ["k8s_attributes"], exporters: ["debug"] } },
        },
      }),
    );
    const print = async (...args: readonly string[]): Promise<string> => {
      const words = ["rbac", "print", "--config", config, "--service-account", `default/${account}`, ...args];
      const { code, stdout, stderr } = await podflame(words);
      expect([code, stderr]).toEqual([0, ""]);
      return stdout;
    };
    const roles = (JSON.parse(await print("--json")) as { items: readonly Role[] }).items;
    const apply = async (text: string): Promise<void> => {
      const file = join(cluster.state, `${account}-roles.yaml`);
      await writeFile(file, text);
      await cluster.kubectl("apply", "-f", file);
    };
    const problems = async (): Promise<readonly Listed[]> => {
      const { stdout } = await podflame(["doctor", "--config", config, "--json"]);
      return (JSON.parse(stdout) as Listed[]).filter(({ state }) => state === "problem");
    };
    return { processor, roles, print, apply, problems, account };
  }

  /** Each rule of the roles, with the roles without it. */
  function withoutEach(roles: readonly Role[]): { readonly resource: string; readonly rest: readonly Role[] }[] {
    return roles.flatMap((role) =>
      (role.rules ?? []).map((rule) => ({
        resource: rule.resources[0]!,
        rest: roles.map((other) =>
          other === role ? { ...role, rules: role.rules!.filter((each) => each !== rule) } : other,
        ),
      })),
    );
  }

  test.each([
    ["in the whole cluster", EVERYTHING, 9],
    ["in one namespace and, where that doesn't do, the cluster", MIXED, 4],
    ["in one namespace", { filter: { namespace: "shop" }, extract: { metadata: ["k8s.deployment.uid"] } }, 2],
  ])("gives what works, and nothing less does: %s", async (_, section, count) => {
    const { processor, roles, print, apply, problems, account } = await printed(section);
    await apply(await print());
    await expect.poll(problems, { timeout: 20_000 }).toEqual([]);
    const config = { ...processor, wait_for_metadata: true, kube_api_qps: 100, kube_api_burst: 100 };
    const running = new RunningProcessor({
      config,
      signal: "traces",
      gates: {},
      source: "api",
      objects: [],
      clock: systemClock,
    });
    await using _processor = running;
    await running.start();
    expect(running.logged.filter((line) => line.includes("may not") || line.includes("missing"))).toEqual([]);

    const each = withoutEach(roles);
    expect(each).toHaveLength(count);
    for (const { resource, rest } of each) {
      await apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: rest }));
      await expect.poll(problems, { timeout: 20_000 }).toEqual([
        {
          topic: "rights",
          what: expect.stringMatching(new RegExp(`^(?:[a-z]+/)?${resource} `)) as string,
          state: "problem",
          detail: `"system:serviceaccount:default:${account}" may not list, watch, which processors::k8s_attributes needs`,
          remedy: expect.stringContaining(`--service-account default/${account} | kubectl apply -f -`) as string,
        },
      ]);
    }
  });

  test("asks for subresources as roles name them", async () => {
    const path = join(cluster.state, "subresource.kubeconfig");
    await writeFile(path, cluster.kubeconfigFor(await cluster.serviceAccount("subresource")));
    const role = "subresource";
    await cluster.kubectl("create", "clusterrole", role, "--verb=get", "--resource=nodes/pods");
    await cluster.kubectl(
      "create",
      "clusterrolebinding",
      role,
      `--clusterrole=${role}`,
      "--serviceaccount=default:subresource",
    );
    const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
    const client = await createApiClient(
      { authType: "kubeConfig", kubeConfigPath: path, qps: 100, burst: 100 },
      telemetry,
    );
    const may = async (resource: string): Promise<boolean> => {
      const question = { verb: "get", apiGroup: "", resource, namespace: undefined, name: undefined };
      return (await askAccess(client, question)).allowed;
    };
    await expect.poll(() => may("nodes/pods"), { timeout: 20_000 }).toBe(true);
    expect(await may("nodes")).toBe(false);
    client.close();
  });
});
