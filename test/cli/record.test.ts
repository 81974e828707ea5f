/**
 * `podflame record` on the real kernel: what it writes is read by our own reader and by `go tool pprof`, what it is
 * asked to leave out is not there, and what ends it early costs nothing.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasProgram } from "../has-program.ts";
import { hierarchies, removeBranch } from "../agent/harness/cgroups.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { readSamples, type Sample } from "../agent/harness/samples.ts";
import { type Ended, folderWith, Podflame, podflame } from "./podflame.ts";

const SAMPLES_HERE = canSample();
const HAS_GO = hasProgram("go", "version");
/** Some tenths of a second of CPU time, in other processes than the shell's. */
const BUSY = ["sh", "-c", "head -c 400000000 /dev/zero | sha256sum >/dev/null; exit 3"];
const RATE = ["--frequency", "499"];

interface Summary {
  readonly samples: number;
  readonly host_samples: number;
  readonly containers: readonly { readonly id: string; readonly samples: number }[];
  readonly off_cpu_samples: number;
  readonly lost: Readonly<Record<string, number>>;
  readonly command?: { readonly exit_code: number | null; readonly signal: string | null };
}

function summaryOf({ stdout, stderr, code }: Ended): Summary {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Summary;
}

/** The samples of a recording in OTLP, as protobuf-es reads them. */
async function samplesIn(file: string): Promise<Sample[]> {
  return readSamples(await readFile(file));
}

/** Hits by the name of the executable. */
function byExecutable(samples: readonly Sample[]): Record<string, number> {
  const hits: Record<string, number> = {};
  for (const { count, attributes, resource } of samples) {
    const name = String(attributes["process.executable.name"] ?? resource["process.executable.name"]);
    hits[name] = (hits[name] ?? 0) + count;
  }
  return hits;
}

/** A process that keeps one CPU busy until the test is over, in a control group of that path. */
function busyProcess(group?: string): number {
  // The kernel tells the group of version 2, or that of the memory controller.
  const trees = hierarchies().filter(({ version, controllers }) => version === 2 || controllers.includes("memory"));
  const folders = group === undefined ? [] : trees.map(({ mount }) => join(mount, group));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const child = spawn("sha256sum", ["/dev/zero"], { stdio: "ignore" });
  for (const folder of folders) writeFileSync(join(folder, "cgroup.procs"), String(child.pid));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (group !== undefined) await removeBranch(group.split("/")[0]!);
  });
  return child.pid!;
}

describe.skipIf(!SAMPLES_HERE)("podflame record", () => {
  test("of a command holds it and what it started, nothing else, and tells how it ended", async () => {
    const folder = await folderWith({});
    const ended = await podflame(["record", "-o", "x.otlp", "--json", ...RATE, "--", ...BUSY], { cwd: folder });
    const summary = summaryOf(ended);
    expect(summary.command).toEqual({ exit_code: 3, signal: null });
    const samples = await samplesIn(join(folder, "x.otlp"));
    const hits = byExecutable(samples);
    expect(samples.reduce((sum, { count }) => sum + count, 0)).toBe(summary.samples);
    expect(hits["sha256sum"]).toBeGreaterThan(20);
    expect(Object.keys(hits).filter((name) => !/^(?:sha256sum|head|dash|sh|bash|busybox)$/.test(name))).toEqual([]);
    for (const { mount } of hierarchies()) {
      expect(readdirSync(mount).filter((name) => name.startsWith("podflame-record-"))).toEqual([]);
    }
  });

  test.each(["pb.gz", "folded", "speedscope.json"])("writes %s that is read back", async (ending) => {
    const folder = await folderWith({});
    const file = `x.${ending}`;
    const summary = summaryOf(
      await podflame(["record", "-o", file, "--json", ...RATE, "--", ...BUSY], { cwd: folder }),
    );
    await podflame(["convert", file, "-o", "back.otlp"], { cwd: folder });
    const hits = (await samplesIn(join(folder, "back.otlp"))).reduce((sum, { count }) => sum + count, 0);
    expect(hits).toBe(summary.samples);
    if (ending === "folded") expect(await readFile(join(folder, file), "utf8")).toMatch(/^host;sha256sum;.* \d+$/m);
  });

  test("writes a flame graph page with host and program as outermost frames", async () => {
    const folder = await folderWith({});
    const { code, stderr } = await podflame(["record", "-o", "x.html", ...RATE, "--", ...BUSY], { cwd: folder });
    expect(code).toBe(0);
    expect(stderr).toContain("the command ended with exit code 3");
    const page = await readFile(join(folder, "x.html"), "utf8");
    expect(page).toContain('["host","",0,"","group",0]');
    expect(page).toContain('["sha256sum","",0,"","group",0]');
  });

  test.skipIf(!HAS_GO)("writes pprof that go tool pprof reads", async () => {
    const folder = await folderWith({});
    await podflame(["record", "-o", "x.pb.gz", ...RATE, "--", ...BUSY], { cwd: folder });
    const { stdout } = await promisify(execFile)("go", ["tool", "pprof", "-raw", join(folder, "x.pb.gz")]);
    expect(stdout).toMatch(/^PeriodType: cpu nanoseconds$/m);
    expect(stdout).toMatch(/sha256sum/);
  });

  test("of a process holds only its threads", async () => {
    const [pid, folder] = [busyProcess(), await folderWith({})];
    busyProcess();
    const args = ["record", "--pid", String(pid), "--duration", "500ms", ...RATE, "--json", "-o", "x.otlp"];
    const summary = summaryOf(await podflame(args, { cwd: folder }));
    expect(summary.samples).toBeGreaterThan(0);
    const pids = (await samplesIn(join(folder, "x.otlp"))).map(({ attributes }) => attributes["process.pid"]);
    expect([...new Set(pids)].map(Number)).toEqual([pid]);
  });

  test("of a container, by the beginning of its id, holds only what runs in it", async () => {
    const id = randomBytes(32).toString("hex");
    busyProcess(`podflame-test-record-${process.pid}/docker/${id}`);
    busyProcess();
    const folder = await folderWith({});
    const args = ["record", "--container", id.slice(0, 8), "--duration", "500ms", ...RATE, "--json", "-o", "x.otlp"];
    const summary = summaryOf(await podflame(args, { cwd: folder }));
    expect(summary.containers.map((container) => container.id)).toEqual([id]);
    expect(summary.host_samples).toBe(0);
    expect(summary.containers[0]!.samples).toBeGreaterThan(0);
  });

  test("of the machine tells containers apart, in folded stacks as well", async () => {
    const id = randomBytes(32).toString("hex");
    busyProcess(`podflame-test-record-${process.pid}/docker/${id}`);
    busyProcess();
    const folder = await folderWith({});
    await podflame(["record", "--duration", "500ms", ...RATE, "-o", "x.folded"], { cwd: folder });
    const text = await readFile(join(folder, "x.folded"), "utf8");
    expect(text).toMatch(new RegExp(`^container ${id.slice(0, 12)};sha256sum;`, "m"));
    expect(text).toMatch(/^host;sha256sum;/m);
  });

  test("with --off-cpu tells where threads wait", async () => {
    const folder = await folderWith({});
    const command = ["sh", "-c", "for i in 1 2 3 4 5; do sleep 0.05; done"];
    const args = ["record", "--off-cpu", "-o", "x.otlp", "--json", "--", ...command];
    expect(summaryOf(await podflame(args, { cwd: folder })).off_cpu_samples).toBeGreaterThanOrEqual(5);
    const waits = (await samplesIn(join(folder, "x.otlp"))).filter(({ type }) => type === "off_cpu");
    const longest = Math.max(...waits.map(({ value }) => value));
    expect(longest).toBeGreaterThan(40e6);
  });

  test("is ended early by Ctrl-C, and writes what is there", async () => {
    const folder = await folderWith({});
    busyProcess();
    const recording = new Podflame(["record", "--duration", "10m", "-o", "x.otlp"], { cwd: folder });
    await recording.shows("stderr", /recording at 99 Hz/);
    // It has begun to sample by then; a sample more or less doesn't matter here.
    recording.kill("SIGINT");
    const { code, stderr } = await recording.ended;
    expect(stderr).toMatch(/samples in \d+\.\d s at 99 Hz/);
    expect(code).toBe(0);
    expect(existsSync(join(folder, "x.otlp"))).toBe(true);
  });

  test("asks a command that still runs at the end to end as well", async () => {
    const folder = await folderWith({});
    const args = ["record", "--duration", "300ms", "--json", "-o", "x.otlp", "--", "sleep", "1000"];
    expect(summaryOf(await podflame(args, { cwd: folder })).command).toEqual({ exit_code: null, signal: "SIGTERM" });
  });

  test("gives standard output to the recording when it is asked to, and the command's to standard error", async () => {
    const { stdout, stderr } = await podflame(
      [
        "record",
        "-o",
        "-",
        "--to",
        "folded",
        ...RATE,
        "--",
        "sh",
        "-c",
        "echo hello; head -c 100000000 /dev/zero | sha256sum >/dev/null",
      ],
      { cwd: await folderWith({}) },
    );
    expect(stderr).toMatch(/^hello$/m);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .every((line) => /^host;.* \d+$/.test(line)),
    ).toBe(true);
  });
});
