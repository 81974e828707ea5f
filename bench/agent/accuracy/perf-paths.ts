/**
 * Hot call paths beside those of `perf record -g` in the same run: the same programs, the same rate, the same time, both
 * by frame pointers.
 */
import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import type { NodeOfPods } from "../../../test/agent/harness/node-of-pods.ts";
import type { Container } from "../../../test/agent/harness/pods.ts";
import { PerfRecord } from "../perf-record.ts";
import type { Outcome } from "./outcome.ts";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 << 20;

const TOP = 20;
const OVERLAP_PERCENT = 95;

/** Hits by call path, names innermost first. */
type Paths = ReadonlyMap<string, number>;

/** Profiles a C and a Go program with both. */
export async function comparePaths(node: NodeOfPods, frequencyHz: number, seconds: number): Promise<Outcome[]> {
  const forever = "1000000";
  const containers = await Promise.all([
    node.run(["/bin/burn", forever, "alpha=30", "beta=20", "gamma=20", "random=30"]),
    node.run(["/bin/burn-go", forever, "alpha=20", "beta=20", "sorting=60"]),
  ]);
  const outcomes: Outcome[] = [];
  await using perf = new PerfRecord(frequencyHz);
  const profiler = new LocalProfiler({ frequencyHz, reporterIntervalMs: 5000 });
  await delay(seconds * 1000);
  const pids = containers.map((container) => [...container.processes()][0]!);
  await Promise.all([perf.stop(), profiler.stop()]);
  for (const [at, name] of ["C with frame pointers", "Go"].entries()) {
    const theirs = await perfPaths(perf.file, pids[at]!);
    outcomes.push(overlap(name, theirs, ownPaths(profiler, containers[at]!)));
  }
  for (const container of containers) await container.remove();
  return outcomes;
}

function overlap(name: string, theirs: Paths, ours: Paths): Outcome {
  const top = [...theirs].toSorted((a, b) => b[1] - a[1]).slice(0, TOP);
  const weight = (paths: readonly (readonly [string, number])[]): number =>
    paths.reduce((sum, [, hits]) => sum + hits, 0);
  const percent = (weight(top.filter(([path]) => ours.has(path))) / weight(top)) * 100;
  const present = top.filter(([path]) => ours.has(path)).length;
  // How alike the two are as distributions; two samplings of one program differ by chance alone.
  const [all, own] = [weight([...theirs]), weight([...ours])];
  const common = [...theirs].reduce((sum, [path, hits]) => sum + Math.min(hits / all, (ours.get(path) ?? 0) / own), 0);
  return {
    what: `${name}: perf's ${TOP} hottest paths that we saw too, by their hits`,
    found: `${percent.toFixed(1)} % (${present} of ${top.length} paths); all paths ${(common * 100).toFixed(1)} % alike`,
    wanted: `≥ ${OVERLAP_PERCENT} %`,
    passed: percent >= OVERLAP_PERCENT,
  };
}

/** perf doesn't tell inlined calls apart here, so ours are left out. */
function ownPaths(profiler: LocalProfiler, container: Container): Paths {
  const paths = new Map<string, number>();
  for (const { frames, count, type } of profiler.of(container)) {
    if (type === "off_cpu") continue;
    const path = pathOf(frames.filter(({ inlined }) => !inlined).map(({ name }) => name));
    paths.set(path, (paths.get(path) ?? 0) + count);
  }
  return paths;
}

/** Stacks of one process as `perf script` prints them: a header line, a line for each frame, an empty line. */
async function perfPaths(file: string, pid: number): Promise<Paths> {
  const args = ["script", "--no-inline", "--fields", "pid,ip,sym", "-i", file];
  const { stdout } = await run("perf", args, { maxBuffer: MAX_OUTPUT_BYTES });
  const paths = new Map<string, number>();
  for (const block of stdout.split("\n\n")) {
    const [header = "", ...frames] = block.trim().split("\n");
    if (Number(header.trim()) !== pid) continue;
    const path = pathOf(frames.map((line) => line.trim().replace(/^\S+ /, "")));
    paths.set(path, (paths.get(path) ?? 0) + 1);
  }
  return paths;
}

/**
 * A path up to the program's main function. What is outside of it is the same for all, and perf goes on there where
 * nothing is: it takes the first frame's saved register for another frame.
 */
function pathOf(names: readonly string[]): string {
  const main = names.findLastIndex((name) => name === "main" || name === "runtime.main");
  const inside = main < 0 ? names : names.slice(0, main + 1);
  return inside.map((name) => (name === "" || name === "[unknown]" ? "?" : name)).join(";");
}
