/**
 * Loaded into podflame with `NODE_OPTIONS=--import=…`: notes every garbage collection that stopped the main thread, and
 * appends `{"pauses": [[end, length], …]}` in milliseconds, `end` since 1970, to the file `PODFLAME_BENCH_GC_FILE` when it ends.
 */
import { appendFileSync } from "node:fs";
import { PerformanceObserver, type PerformanceEntry } from "node:perf_hooks";

const file = process.env["PODFLAME_BENCH_GC_FILE"];
if (file !== undefined && Number.parseInt(process.versions.node) >= 24 && process.argv[1] !== undefined) {
  const pauses: [endUnixMs: number, lengthMs: number][] = [];
  const note = (entries: readonly PerformanceEntry[]): void => {
    for (const { startTime, duration } of entries) {
      pauses.push([performance.timeOrigin + startTime + duration, duration]);
    }
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  process.on("exit", () => {
    note(observer.takeRecords());
    appendFileSync(file, `${JSON.stringify({ pauses })}\n`);
  });
}
