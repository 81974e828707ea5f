/**
 * Samples from within a pid namespace, for a test: `unshare --pid --fork --mount-proc node nested.ts PROGRAM`. Runs PROGRAM
 * here, walked as V8, and once more in a namespace of its own, and says of whom samples and other records come, as one line of JSON
 * again and again: {here, ended, seen: [{pid, tid, comm, kind, startTimeNs, userWords, cgroups, shown}]}.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import type { NestedRecord } from "../nested-record.ts";
import { Sampler } from "../../../src/profiler/sampler/sampler.ts";

const [program = ""] = process.argv.slice(2);
const sampler = Sampler.open(
  { frequencyHz: 499, offCpuThreshold: 1 },
  { logger: silentLogger, metrics: new MetricRegistry(), clock: systemClock },
);
sampler.start();
const here = spawn(program, ["main"], { stdio: "ignore" }).pid!;
const offsets = { fpContext: -8, fpFunction: -16, fpBytecodeArray: -32, fpBytecodeOffset: -40, functionShared: 32 };
sampler.setProcess(here, { v8: offsets });
spawn("unshare", ["--pid", "--fork", "--kill-child", program, "main"], { stdio: "ignore" });
const ended = spawn("true", { stdio: "ignore" }).pid!;

/** The process with that number, as /proc shows it here. */
function shownAs(pid: number): NestedRecord["shown"] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return {
      comm: /^Name:\s+(.*)$/m.exec(status)![1]!,
      pids: /^NSpid:\s+(.*)$/m.exec(status)![1]!.split("\t").map(Number),
      startTicks: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]),
    };
  } catch {
    return undefined;
  }
}

const seen = new Map<string, NestedRecord>();
setInterval(() => {
  sampler.drain(({ pid, tid, comm, kind, startTimeNs, userWords, cgroupV1, cgroupV2 }) => {
    const key = [pid, tid, comm, kind, startTimeNs, userWords].join();
    if (seen.has(key)) return;
    const shown = pid === 0 ? undefined : shownAs(pid);
    seen.set(key, { pid, tid, comm, kind, startTimeNs, userWords, cgroups: [cgroupV1, cgroupV2], shown });
  });
  process.stdout.write(`${JSON.stringify({ here, ended, seen: [...seen.values()] })}\n`);
}, 50);
