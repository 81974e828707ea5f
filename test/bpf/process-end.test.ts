import { spawn, type ChildProcessByStdio } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { SamplerCounters } from "../../src/profiler/sampler/sample-source.ts";
import { kernelKnows } from "../agent/harness/kernel-objects.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { hasProgram } from "../has-program.ts";
import { until } from "../peers/program.ts";

const here = canSample();

interface Report {
  readonly records: number;
  readonly kept?: readonly string[];
  readonly counters: SamplerCounters;
}

/** A sampler in a process of its own. */
class Draining implements Disposable {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  #output = "";
  #errors = false;

  /** @param launcher a command that starts the process with fewer rights */
  constructor(args: readonly string[] = [], launcher: readonly string[] = []) {
    const program = join(import.meta.dirname, "programs/draining.ts");
    const [file = "", ...rest] = [...launcher, process.execPath, program, ...args];
    this.process = spawn(file, rest, { stdio: ["ignore", "pipe", "inherit"] });
    this.process.stdout.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.process.once("exit", (code) => (this.#errors = code !== null && code !== 0));
  }

  get reports(): readonly Report[] {
    if (this.#errors) throw new Error("the sampling process failed");
    return this.#output
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Report);
  }

  async until(what: string, holds: (last: Report) => boolean): Promise<Report> {
    await until(what, () => {
      const last = this.reports.at(-1);
      return last !== undefined && holds(last);
    });
    return this.reports.at(-1)!;
  }

  [Symbol.dispose](): void {
    this.process.kill("SIGKILL");
  }
}

/** Numbers of the programs and maps that a process holds. */
function objectsOf(pid: number, kind: "program" | "map"): readonly number[] {
  const key = { program: "prog_id", map: "map_id" }[kind];
  const facts = readdirSync(`/proc/${pid}/fdinfo`).map((fd) => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"));
  return facts.flatMap((text) => new RegExp(`^${key}:\\s+(\\d+)$`, "m").exec(text)?.[1] ?? []).map(Number);
}

describe.skipIf(!here)("the process that samples", () => {
  test("leaves nothing in the kernel when it is killed", async () => {
    using draining = new Draining();
    await draining.until("records", ({ records }) => records > 0);
    const programs = objectsOf(draining.process.pid!, "program");
    const maps = objectsOf(draining.process.pid!, "map");
    expect(new Set(programs).size).toBe(5);
    expect(maps.length).toBeGreaterThan(4);
    const ended = new Promise((end) => draining.process.once("exit", end));
    draining.process.kill("SIGKILL");
    await ended;
    // The kernel frees them a moment after the last descriptor is closed.
    await until("the end of its programs", () => !programs.some((id) => kernelKnows("program", id)));
    await until("the end of its maps", () => !maps.some((id) => kernelKnows("map", id)));
  });

  test("goes on after it was stopped for a while: what found no room is counted, nothing is broken", async () => {
    using draining = new Draining();
    const before = await draining.until("records", ({ records }) => records > 0);
    draining.process.kill("SIGSTOP");
    const stoppedMs = performance.now();
    await until("time stopped", () => performance.now() - stoppedMs > 1500);
    draining.process.kill("SIGCONT");
    const after = await draining.until("records", ({ records, counters }) => {
      const { samples, idle } = counters;
      return records > before.records && samples + idle > before.counters.samples + before.counters.idle + 500;
    });
    expect(after.counters.malformed).toBe(0);
    const { samples, lifecycle } = after.counters;
    expect(after.records).toBeLessThanOrEqual(samples + lifecycle);
  });

  test("samples on with the few privileges that it keeps, and can't get the others back", async () => {
    using draining = new Draining(["drop"]);
    const first = await draining.until("records", ({ records }) => records > 0);
    expect(first.kept).toEqual([
      "CAP_BPF",
      "CAP_PERFMON",
      "CAP_SYS_PTRACE",
      "CAP_DAC_READ_SEARCH",
      "CAP_CHECKPOINT_RESTORE",
      "CAP_SYSLOG",
    ]);
    const status = readFileSync(`/proc/${draining.process.pid}/task/${draining.process.pid}/status`, "latin1");
    const set = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s+(\\w+)$`, "m").exec(status)![1]}`);
    const kept = [39, 38, 19, 2, 40, 34].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
    expect([set("CapEff"), set("CapPrm"), set("CapBnd")]).toEqual([kept, kept, kept]);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    await draining.until("more records", ({ records }) => records > first.records + 5);
  });

  test.skipIf(!hasProgram("setpriv", "--version"))("needs two capabilities, and not to be root", async () => {
    const two = "+bpf,+perfmon";
    const only = [`--inh-caps=-all,${two}`, `--ambient-caps=${two}`, `--bounding-set=-all,${two}`];
    using draining = new Draining([], ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...only]);
    const { counters } = await draining.until("records", ({ records }) => records > 10);
    expect(counters.malformed).toBe(0);
    expect(readFileSync(`/proc/${draining.process.pid}/status`, "latin1")).toMatch(/^Uid:\s+65534\s/m);
  });
});
