import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { median } from "../figures.ts";
import type { Row } from "./report.ts";
import { progress } from "../command.ts";
import type { Session } from "./session.ts";
import { loop, verifyScenario, type LoopReport, type Scenario } from "./throughput.ts";

/** More connections than in a closed loop: what is due is sent, whether or not earlier answers are in. */
const OPEN_LOOP_CONNECTIONS = 4;

/**
 * Latency at half of the rate that the slowest contender reaches in a closed loop (the Collector's, where it takes
 * part), counted from the time at which a request was due; and the pauses of podflame's garbage collector at that rate,
 * from a run of its own, since noting them is work.
 */
export async function measureLatency(session: Session, scenario: Scenario, seconds: number): Promise<readonly Row[]> {
  const sizes = await verifyScenario(session, scenario);
  const reference = session.options.contenders.includes("otelcol") ? "otelcol" : "podflame";
  const rates: number[] = [];
  for (let run = 1; run <= 3; run++) {
    progress(`latency ${scenario.name}, most that ${reference} can, run ${run} of 3`);
    const report = await loop(session, scenario, reference, sizes[reference]);
    rates.push(report.requests / report.seconds);
  }
  const rate = median(rates) / 2;
  const benchmark = `latency ${scenario.name}`;
  const note = `${rate.toFixed(0)} requests a second for ${seconds} s`;
  const options = { rate, seconds, connections: OPEN_LOOP_CONNECTIONS };
  const results = await session.alternate(benchmark, (name) => loop(session, scenario, name, sizes[name], options));
  const quantile = (quantity: string, value: (report: LoopReport) => number): Row => ({
    benchmark,
    quantity,
    podflame: results.podflame.map(value),
    ...(results.otelcol.length > 0 && { otelcol: results.otelcol.map(value) }),
    note,
  });
  return [
    quantile("p50 ms", (report) => report.p50Ms),
    quantile("p99 ms", (report) => report.p99Ms),
    quantile("p99.9 ms", (report) => report.p999Ms),
    quantile("RSS MiB", (report) => report.serverRssMiB!),
    ...(await garbageCollection(session, benchmark, (env) =>
      loop(session, scenario, "podflame", sizes.podflame, { ...options, env }),
    )),
  ];
}

/** Runs podflame with `gc-pauses.ts` inside, and reads what it noted over the whole life of the process. */
async function garbageCollection(
  session: Session,
  benchmark: string,
  run: (env: Readonly<Record<string, string>>) => Promise<LoopReport>,
): Promise<readonly Row[]> {
  if (!session.options.contenders.includes("podflame")) return [];
  progress(`${benchmark}, pauses of the garbage collector`);
  const file = join(session.settings.workFolder, "gc-pauses.json");
  await rm(file, { force: true });
  const observer = pathToFileURL(join(import.meta.dirname, "gc-pauses.ts")).href;
  const { readyAt } = await run({ NODE_OPTIONS: `--import=${observer}`, PODFLAME_BENCH_GC_FILE: file });
  const { pauses } = JSON.parse(readFileSync(file, "utf8")) as {
    pauses: readonly (readonly [endUnixMs: number, lengthMs: number])[];
  };
  const row = (when: string, lengths: readonly number[]): Row => {
    const total = lengths.reduce((sum, ms) => sum + ms, 0);
    const note = `${lengths.length} pauses, ${total.toFixed(0)} ms in all`;
    return { benchmark, quantity: `longest GC pause ms, ${when}`, podflame: [Math.max(0, ...lengths)], note };
  };
  const lengths = (ofInterest: (end: number) => boolean): readonly number[] =>
    pauses.filter(([end]) => ofInterest(end)).map(([, length]) => length);
  return [
    row(
      "after the first sync",
      lengths((end) => end > readyAt),
    ),
    row(
      "until the first sync",
      lengths((end) => end <= readyAt),
    ),
  ];
}
