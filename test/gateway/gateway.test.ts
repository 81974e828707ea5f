/** `podflame gateway` from intake to answers, on recorded requests, as its users meet it. */
import { spawn } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { canSample } from "../agent/harness/requirements.ts";
import { folderWith, podflame, Podflame, ROOT } from "../cli/podflame.ts";
import { sendGrpc, sendHttp } from "../peers/sender.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { CAPTURED_SAMPLES, recordedRequest, SAMPLE_NANOS } from "./recorded-request.ts";

const LAST_HOUR = "from=now-1h&to=now";

interface Tree {
  readonly rows: readonly { level: string; name: string; value: number; query: string }[];
  readonly coverage: { plan: string };
}

async function total(gateway: GatewayProcess, range = LAST_HOUR): Promise<number> {
  return ((await gateway.ask(`tree?${range}`)) as Tree).rows[0]?.value ?? 0;
}

async function namesOf(gateway: GatewayProcess, range = LAST_HOUR): Promise<string[]> {
  return ((await gateway.ask(`tree?${range}`)) as Tree).rows.map(({ level, name }) => `${level} ${name}`);
}

/** Sum of a folded answer, and the heaviest leaf. */
function readFolded(text: string): { sum: number; stacks: Map<string, number> } {
  const stacks = new Map<string, number>();
  for (const line of text.trimEnd().split("\n")) {
    const space = line.lastIndexOf(" ");
    stacks.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return { sum: [...stacks.values()].reduce((sum, value) => sum + value, 0), stacks };
}

describe("podflame gateway", () => {
  test("takes OTLP by gRPC and by HTTP, and answers with what was in it", async () => {
    const gateway = await GatewayProcess.start(await folderWith({}));
    await sendGrpc(gateway.ports.grpc, "profiles", recordedRequest(Date.now() - 60_000));
    // Newer senders refer to strings in a table.
    const metadata = { "otlp-profiles-development-version": "1" };
    const newer = recordedRequest(Date.now() - 45_000, "ebpf-20hz-grpc-v0.164.binpb");
    await sendGrpc(gateway.ports.grpc, "profiles", newer, metadata);
    await sendHttp(gateway.ports.http, "profiles", recordedRequest(Date.now() - 30_000));
    expect(await total(gateway)).toBe(3 * CAPTURED_SAMPLES * SAMPLE_NANOS);

    const { sum, stacks } = readFolded(await gateway.text(`flamegraph?format=folded&${LAST_HOUR}`));
    expect(sum).toBe(3 * CAPTURED_SAMPLES * SAMPLE_NANOS);
    const hottest = [...stacks.entries()].sort(([, a], [, b]) => b - a)[0]!;
    expect(hottest[0]).toMatch(/^node;.*;nodeOuter;nodeMiddle;nodeHot$/);

    const query = encodeURIComponent('{process_executable_name="", container=~"3469834d.*"}');
    const burn = readFolded(await gateway.text(`flamegraph?format=folded&query=${query}&${LAST_HOUR}`));
    // The capture's README: 28 samples of the C program.
    expect(burn.sum).toBe(3 * 28 * SAMPLE_NANOS);

    const { code, stderr } = await gateway.stop();
    expect([code, stderr]).toEqual([0, expect.stringContaining("stopped; all is delivered")]);
  });

  test("loses nothing and doubles nothing that it answered when it is killed", async () => {
    const data = await folderWith({});
    let { ports } = await GatewayProcess.start(data).then(async (first) => {
      await sendGrpc(first.ports.grpc, "profiles", recordedRequest(Date.now() - 60_000));
      await first.kill();
      return first;
    });
    for (let kills = 1; kills <= 2; kills++) {
      const gateway = await GatewayProcess.start(data, [], ports);
      ({ ports } = gateway);
      expect(await total(gateway)).toBe(kills * CAPTURED_SAMPLES * SAMPLE_NANOS);
      await sendHttp(ports.http, "profiles", recordedRequest(Date.now() - 30_000));
      await gateway.kill();
    }
  });

  test("hands hours that are over on to coarser blocks, which answer the same", async () => {
    const data = await folderWith({});
    // As bin/podflame starts it: after `npm ci` that is the bundle, whose merges load a part of it in another process.
    const gateway = await GatewayProcess.start(data, ["--set", "exporters::store::flush_interval=100ms"]);
    const inOneHour = Math.floor(Date.now() / 3_600_000 - 2) * 3_600_000;
    await sendHttp(gateway.ports.http, "profiles", recordedRequest(inOneHour + 600_000));
    await sendHttp(gateway.ports.http, "profiles", recordedRequest(inOneHour + 1_800_000));
    // More than twelve hours are answered from the blocks of minutes, more than eight days from the coarsest.
    for (const [since, tier] of [
      ["20h", "60s"],
      ["20d", "5m"],
    ] as const) {
      const range = `from=now-${since}&to=now`;
      const plan = async (): Promise<string> => ((await gateway.ask(`tree?${range}`)) as Tree).coverage.plan;
      await vi.waitFor(async () => expect(await plan()).toContain(` rows of ${tier} in `), {
        timeout: 20_000,
        interval: 50,
      });
      expect(await total(gateway, range)).toBe(2 * CAPTURED_SAMPLES * SAMPLE_NANOS);
    }
    expect((await gateway.stop()).stderr).not.toContain("blocks could not be looked after");
  });

  test("names what it stored an hour ago when the pods become known", async () => {
    const data = await folderWith({ "pods.json": JSON.stringify({ kind: "PodList", apiVersion: "v1", items: [] }) });
    const pods = join(data, "pods.json");
    const identity = {
      extensions: { k8s_identity: { sources: ["file"], file: { path: pods, poll_interval: "1s" } } },
      processors: { k8s_attributes: { passthrough: false } },
      service: { extensions: ["ui", "k8s_identity"] },
    };
    const gateway = await GatewayProcess.start(join(data, "store"), ["--config", `yaml:${JSON.stringify(identity)}`]);
    const anHourAgo = Date.now() - 3_600_000;
    await sendGrpc(gateway.ports.grpc, "profiles", recordedRequest(anHourAgo));
    const range = "from=now-2h&to=now";
    expect(await namesOf(gateway, range)).toContain("container dc133e4f802e");

    await copyFile(join(ROOT, "testdata/captures/pods.json"), pods);
    await expect
      .poll(() => namesOf(gateway, range), { interval: 100 })
      .toEqual(expect.arrayContaining(["namespace checkout", "workload pricing", "pod storefront-6b7f8d9c55-t9v6c"]));
    expect(await total(gateway, range)).toBe(CAPTURED_SAMPLES * SAMPLE_NANOS);
    await gateway.kill();

    // Known once, known for good: without the file.
    const restarted = await GatewayProcess.start(join(data, "store"));
    expect(await namesOf(restarted, range)).toContain("pod orders-5d8f9c7b4d-k2m8w");
    expect((await restarted.stop()).code).toBe(0);
  });

  test("refuses garbage for good and goes on", async () => {
    const gateway = await GatewayProcess.start(await folderWith({}));
    await expect(sendHttp(gateway.ports.http, "profiles", Buffer.from("not a request"))).rejects.toThrow(/400/);
    await sendHttp(gateway.ports.http, "profiles", recordedRequest(Date.now() - 60_000));
    expect(await total(gateway)).toBe(CAPTURED_SAMPLES * SAMPLE_NANOS);
    expect((await gateway.stop()).code).toBe(0);
  });

  test("is printed as a configuration that podflame takes", async () => {
    const { code, stdout } = await podflame(["config", "print", "gateway"]);
    expect([code, stdout]).toEqual([0, await readFile(join(ROOT, "presets/gateway.yaml"), "utf8")]);
    const folder = await folderWith({ "gateway.yaml": stdout });
    expect((await podflame(["config", "validate", join(folder, "gateway.yaml")])).stdout).toBe("valid: profiles\n");
  });
});

describe.skipIf(!canSample())("an agent and a gateway", () => {
  test("show what this machine does", async () => {
    const gateway = await GatewayProcess.start(await folderWith({}));
    const busy = spawn("sh", ["-c", "while :; do :; done"]);
    onTestFinished(() => void busy.kill("SIGKILL"));
    const env = {
      KUBECONFIG: "/dev/null/none",
      KUBERNETES_SERVICE_HOST: "",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${gateway.ports.grpc}`,
    };
    const sets = ["receivers::profiling::reporter_interval=500ms", "service::telemetry::metrics::level=none"];
    const agent = new Podflame(["agent", ...sets.flatMap((set) => ["--set", set])], { env });
    await expect.poll(() => namesOf(gateway), { timeout: 40_000 }).toContain("process dash");
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    const query = encodeURIComponent('{origin="kernel"}');
    expect(((await gateway.ask(`tree?query=${query}&${LAST_HOUR}`)) as Tree).rows.length).toBeGreaterThan(0);
    expect((await gateway.stop()).code).toBe(0);
  });
});
