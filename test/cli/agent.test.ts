/** What samples this machine: `up`, `agent`, `run` with a receiver `profiling`, and what is told where that can't be. */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ProfilesSink } from "../agent/harness/profiles-sink.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { readSamples } from "../agent/harness/samples.ts";
import { until } from "../peers/program.ts";
import { hasProgram } from "../has-program.ts";
import { answerOf, folderWith, pageOf, Podflame, podflame, rowsOf } from "./podflame.ts";

const SAMPLES_HERE = canSample();
const DROPS_CAPABILITIES = SAMPLES_HERE && hasProgram("setpriv", "--version");
/** CAP_SYS_ADMIN stands for the newer two as well. */
const WITHOUT_BPF = ["bpf", "sys_admin"];
const NO_THROW = { throwIfNoEntry: false } as const;
/** No kubeconfig, whoever runs the tests. */
const NO_CLUSTER = { KUBECONFIG: "/dev/null/none", KUBERNETES_SERVICE_HOST: "" };

/** On ports and in a folder of its own. */
async function podflameUp(...args: readonly string[]): Promise<Podflame> {
  const words = ["up", "--listen", "127.0.0.1:0", "--otlp", "127.0.0.1:0", "--data", await folderWith({}), ...args];
  return new Podflame(words, { env: NO_CLUSTER });
}

describe.skipIf(!SAMPLES_HERE)("this machine", () => {
  test("is what podflame up shows, with cores and functions, until Ctrl-C", async () => {
    const process = await podflameUp("--table");
    await process.shows("stdout", /samples\/s, \d+\.\d\d cores$/m);
    expect(process.stdout).toMatch(/^(?:[A-Z]+ +)*SERVICE +SAMPLES\/S +CORES +HOTTEST$/m);
    expect(process.stderr).toContain("Live samples of this machine, 20 a second on each CPU.");
    process.kill("SIGINT");
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/warn|error/i);
  });

  test("is on the page of podflame up, with its processes", async () => {
    const process = await podflameUp();
    const page = await pageOf(process);
    const busy = spawn("sh", ["-c", "while :; do :; done"]);
    onTestFinished(() => void busy.kill("SIGKILL"));
    const names = async (): Promise<string[]> => (await rowsOf(page)).map(({ level, name }) => `${level} ${name}`);
    await expect.poll(names).toEqual(expect.arrayContaining(["process dash"]));
    expect(await answerOf(page, "status")).toMatchObject({ mode: { kind: "live" } });
    process.kill("SIGINT");
    expect((await process.ended).code).toBe(0);
  });

  test("is sampled also while nobody reads the table any more, and that ends well", async () => {
    const process = await podflameUp("--table");
    await process.shows("stdout", /in all/);
    process.closeStdout();
    expect((await process.ended).code).toBe(0);
  });

  test("is what podflame agent sends to the endpoint of its environment", async () => {
    const sink = await ProfilesSink.start();
    onTestFinished(() => sink.close());
    const env = { ...NO_CLUSTER, OTEL_EXPORTER_OTLP_ENDPOINT: `http://${sink.endpoint}` };
    const sets = ["receivers::profiling::reporter_interval=500ms", "service::telemetry::metrics::level=none"];
    const process = new Podflame(["agent", ...sets.flatMap((set) => ["--set", set])], { env });
    await until("a request", () => sink.requests.length > 0);
    process.kill("SIGTERM");
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    const [sample] = sink.requests.flatMap(({ message }) => readSamples(message));
    expect(sample).toMatchObject({ type: "samples", periodNs: 50_000_000, resource: { "os.type": "linux" } });
  });

  test("goes through the pipelines of a configuration", async () => {
    const folder = await folderWith({
      "c.yaml": `
receivers: {profiling: {samples_per_second: 97, reporter_interval: 300ms, sample_shape: values, group_by: process}}
processors: {resource: {attributes: [{key: team, value: shop, action: insert}]}}
exporters: {file: {path: out.otlp, format: proto}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {profiles: {receivers: [profiling], processors: [resource], exporters: [file]}}
`,
    });
    const process = new Podflame(["run", "--config", "c.yaml"], { cwd: folder });
    await until("samples in the file", () => (statSync(join(folder, "out.otlp"), NO_THROW)?.size ?? 0) > 0);
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(0);
    // The file exporter puts four bytes of length ahead of each request.
    const file = await readFile(join(folder, "out.otlp"));
    const samples = readSamples(file.subarray(4, 4 + file.readUInt32BE(0)));
    expect(samples[0]).toMatchObject({ resource: { team: "shop" }, timesUnixNano: [] });
    // The kernel's threads are one resource, however processes are told apart.
    const named = samples.filter(({ resource }) => resource["process.executable.name"] !== "[kernel]");
    expect(named.filter(({ resource }) => resource["process.pid"] === undefined)).toEqual([]);
  });
});

describe.skipIf(!DROPS_CAPABILITIES)("without a capability", () => {
  test("doctor kernel names it and how to get it, and ends with 2", async () => {
    const { code, stdout } = await podflame(["doctor", "kernel", "--json"], { without: ["perfmon", "sys_admin"] });
    const failed = (JSON.parse(stdout) as { what: string; ok: boolean; remedy: string }[]).filter(({ ok }) => !ok);
    expect(failed[0]).toMatchObject({
      what: "capability CAP_PERFMON",
      remedy: expect.stringContaining("securityContext.capabilities.add") as string,
    });
    expect(code).toBe(2);
  });

  test("doctor kernel shows people what is a problem", async () => {
    const { code, stdout } = await podflame(["doctor", "kernel"], { without: WITHOUT_BPF });
    expect(stdout).toMatch(/^PROBLEM +capability CAP_BPF +missing.*\n +→ run as root, or grant CAP_BPF/m);
    expect(stdout).toMatch(/^ok +capability CAP_PERFMON/m);
    expect(code).toBe(2);
  });

  test.each([
    ["record", ["record", "-o", "x.otlp"]],
    ["agent", ["agent", "--set", "service::telemetry::metrics::level=none"]],
  ])("%s says which one in one line, and ends with 2", async (_, args) => {
    const cwd = await folderWith({});
    const { code, stderr } = await podflame(args, { cwd, env: NO_CLUSTER, without: WITHOUT_BPF });
    const [line, ...more] = stderr.split("\n").filter((each) => each.startsWith("podflame: "));
    expect(line).toMatch(/this machine can't be sampled: capability CAP_BPF is missing: run as root, or grant CAP_BPF/);
    expect(more).toEqual([]);
    expect(code).toBe(2);
  });

  test("nor any other right, record of a command says what is missing to sample it", async () => {
    const args = ["record", "-o", "x.otlp", "--", "true"];
    const { code, stderr } = await podflame(args, { cwd: await folderWith({}), without: ["all"] });
    expect(stderr).toMatch(/can't be sampled: capability CAP_BPF is missing, capability CAP_PERFMON is missing/);
    expect(code).toBe(2);
  });

  test("up says why in one line and shows the recording", async () => {
    const words = ["up", "--listen", "127.0.0.1:0", "--otlp", "127.0.0.1:0", "--data", await folderWith({})];
    const process = new Podflame(words, { env: NO_CLUSTER, without: WITHOUT_BPF });
    const page = await pageOf(process);
    await process.shows(
      "stderr",
      /^podflame: This is a recorded replay of .*: capability CAP_BPF is missing: run as root/m,
    );
    expect(await answerOf(page, "status")).toMatchObject({
      mode: {
        kind: "recorded",
        reason: expect.stringContaining("capability CAP_BPF is missing") as string,
        remedy: expect.stringContaining("sudo podflame up") as string,
      },
    });
    await expect.poll(async () => (await rowsOf(page)).map(({ name }) => name)).toContain("storefront");
    process.kill("SIGINT");
    expect((await process.ended).code).toBe(0);
  });

  test("a collector whose receiver may fail goes on", async () => {
    const folder = await folderWith({
      "c.yaml": `
receivers: {profiling: {error_mode: ignore}}
exporters: {debug: }
service: {telemetry: {metrics: {level: none}}, pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}
`,
    });
    const process = new Podflame(["run", "--config", "c.yaml"], { cwd: folder, without: WITHOUT_BPF });
    await process.shows("stderr", /everything is ready/);
    expect(process.stderr).toContain("this machine is not profiled (error_mode: ignore)");
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(0);
  });
});
