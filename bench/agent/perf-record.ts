/** What `perf record` costs, measured as the agent is. */
import { setTimeout as delay } from "node:timers/promises";
import { PerfRecord } from "../../test/agent/harness/perf.ts";
import { percentOfCore, type WindowOptions } from "./agent-windows.ts";
import { cpuSeconds, memoryUse } from "./measured-process.ts";

/** One window of `perf record`. */
export interface PerfWindow {
  readonly cpuPercent: number;
  readonly rssMiB: number;
}

export async function measurePerf(frequencyHz: number, options: WindowOptions): Promise<PerfWindow[]> {
  await using perf = new PerfRecord(frequencyHz);
  await delay(options.warmupSeconds * 1000);
  const windows: PerfWindow[] = [];
  for (let i = 0; i < options.windows; i++) {
    const [startMs, before] = [performance.now(), cpuSeconds(perf.pid)];
    await delay(options.seconds * 1000);
    const used = cpuSeconds(perf.pid) - before;
    windows.push({
      cpuPercent: percentOfCore(used, performance.now() - startMs),
      rssMiB: memoryUse(perf.pid).rss,
    });
  }
  return windows;
}
