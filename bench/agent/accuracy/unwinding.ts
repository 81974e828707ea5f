/** Stacks of programs without frame pointers: the unwinder beside perf's, and the profiler at work. */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import type { Sample } from "../../../test/agent/harness/samples.ts";
import { besidePerf } from "../../../test/agent/harness/unwinding.ts";
import { Workloads } from "../../../test/agent/harness/workloads.ts";
import type { Outcome } from "./outcome.ts";

const COMPLETE = 0.98;
const EQUAL = 0.99;
/** Longer than any measurement. */
const FOREVER = "1000000";
/** Names and rows of what starts are looked up meanwhile. */
const WARM_UP_MS = 3000;

/** A program, and whether perf can follow its stacks to their end. */
interface Subject {
  readonly name: string;
  readonly command: (seconds: string) => readonly string[];
  readonly isWholeInPerf: boolean;
}

async function subjects(workloads: Workloads): Promise<readonly Subject[]> {
  const [callers, withPointers, statically, throwing, rust] = await Promise.all([
    workloads.build("callers"),
    workloads.build("callers-fp"),
    workloads.build("callers-static"),
    workloads.build("throwing"),
    workloads.build("burn-rust-omit"),
  ]);
  const node = workloads.script("busy");
  return [
    { name: "C without frame pointers", command: (s) => [callers, s], isWholeInPerf: true },
    { name: "C with, libraries without", command: (s) => [withPointers, s], isWholeInPerf: true },
    { name: "C in a signal handler", command: (s) => [callers, s, "signal"], isWholeInPerf: true },
    { name: "C, static glibc", command: (s) => [statically, s], isWholeInPerf: false },
    { name: "C++ with exceptions", command: (s) => [throwing, s], isWholeInPerf: true },
    { name: "Rust", command: (s) => [rust, s, "alpha=50", "beta=50"], isWholeInPerf: true },
    { name: "Debian's Python", command: (s) => ["/usr/bin/python3", workloads.python(), s], isWholeInPerf: true },
    { name: "Node", command: (s) => [process.execPath, node, s], isWholeInPerf: false },
  ];
}

/** Each program alone, with perf; then with the profiler, two at a time. */
export async function measureUnwinding(hz: number, seconds: number): Promise<readonly Outcome[]> {
  using workloads = new Workloads();
  const outcomes: Outcome[] = [];
  const all = await subjects(workloads);
  for (const { name, command, isWholeInPerf } of all) {
    const { samples, complete, equal, agreeing } = await besidePerf(command(String(seconds)));
    const what = `unwinding ${name} (${samples} samples)`;
    outcomes.push(atLeast(`${what}: complete`, complete, COMPLETE));
    outcomes.push(
      isWholeInPerf
        ? atLeast(`${what}: same frames as perf`, equal, EQUAL)
        : atLeast(`${what}: same frames as far as perf comes`, agreeing, EQUAL),
    );
  }
  for (let at = 0; at < all.length; at += 2) outcomes.push(...(await live(all.slice(at, at + 2), hz, seconds)));
  return outcomes;
}

async function live(pair: readonly Subject[], hz: number, seconds: number): Promise<readonly Outcome[]> {
  const running = pair.map(({ command }) => {
    const [program = "", ...args] = command(FOREVER);
    return spawn(program, args, { stdio: "ignore" });
  });
  try {
    await using profiler = new LocalProfiler({ frequencyHz: hz });
    await delay(WARM_UP_MS);
    await profiler.flush();
    profiler.samples.length = 0;
    await delay(seconds * 1000);
    await profiler.stop();
    return pair.map(({ name }, index) => {
      const own = profiler.samples.filter(({ attributes }) => attributes["process.pid"] === running[index]!.pid);
      const [whole, count] = [hits(own.filter(isWhole)), hits(own)];
      return atLeast(`profiler at ${hz} Hz, ${name} (${count} samples): complete`, whole / count, COMPLETE);
    });
  } finally {
    for (const child of running) child.kill("SIGKILL");
  }
}

function isWhole({ frames }: Sample): boolean {
  return frames.at(-1)?.type !== "abort-marker";
}

function hits(samples: readonly Sample[]): number {
  return samples.reduce((sum, { count }) => sum + count, 0);
}

function atLeast(what: string, share: number, goal: number): Outcome {
  return { what, found: `${(share * 100).toFixed(2)} %`, wanted: `≥ ${goal * 100} %`, passed: share >= goal };
}
