/**
 * Hot call paths beside those of `perf record -g` in the same run: the same programs, the same rate, the same time, both
 * by frame pointers.
 */
import { setTimeout as delay } from "node:timers/promises";
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import type { NodeOfPods } from "../../../test/agent/harness/node-of-pods.ts";
import { pathsOf, PerfRecord, type Paths } from "../../../test/agent/harness/perf.ts";
import type { Outcome } from "./outcome.ts";

const TOP = 20;
const OVERLAP_PERCENT = 95;
const FOREVER = "1000000";

/** Profiles a C and a Go program with both. */
export async function comparePaths(node: NodeOfPods, frequencyHz: number, seconds: number): Promise<Outcome[]> {
  const containers = await Promise.all([
    node.run(["/bin/burn", FOREVER, "alpha=30", "beta=20", "gamma=20", "random=30"]),
    node.run(["/bin/burn-go", FOREVER, "alpha=20", "beta=20", "sorting=60"]),
  ]);
  const outcomes: Outcome[] = [];
  await using perf = new PerfRecord(frequencyHz);
  const profiler = new LocalProfiler({ frequencyHz, reporterIntervalMs: 5000 });
  await delay(seconds * 1000);
  const pids = containers.map((container) => [...container.processes()][0]!);
  await Promise.all([perf.stop(), profiler.stop()]);
  for (const [at, name] of ["C with frame pointers", "Go"].entries()) {
    const container = containers[at]!;
    outcomes.push(overlap(name, await perf.paths(pids[at]!), pathsOf(profiler.of(container))));
    await container.remove();
  }
  return outcomes;
}

function overlap(name: string, theirs: Paths, ours: Paths): Outcome {
  const top = [...theirs].toSorted((a, b) => b[1] - a[1]).slice(0, TOP);
  const weight = (paths: readonly (readonly [string, number])[]): number =>
    paths.reduce((sum, [, hits]) => sum + hits, 0);
  const present = top.filter(([path]) => ours.has(path));
  const percent = (weight(present) / weight(top)) * 100;
  // How alike the two are as distributions; two samplings of one program differ by chance alone.
  const [all, own] = [weight([...theirs]), weight([...ours])];
  const common = [...theirs].reduce((sum, [path, hits]) => sum + Math.min(hits / all, (ours.get(path) ?? 0) / own), 0);
  return {
    what: `${name}: perf's ${TOP} hottest paths that we saw too, by their hits`,
    found: `${percent.toFixed(1)} % (${present.length} of ${top.length} paths); all paths ${(common * 100).toFixed(1)} % alike`,
    wanted: `≥ ${OVERLAP_PERCENT} %`,
    passed: percent >= OVERLAP_PERCENT,
  };
}
