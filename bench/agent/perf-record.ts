/** Debian's `perf record` as the yardstick: the same rate, all CPUs, call graphs by frame pointers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Program } from "../../test/peers/program.ts";
import { percentOfCore, type WindowOptions } from "./agent-windows.ts";
import { cpuSeconds, memoryUse } from "./measured-process.ts";

/** One window of `perf record`. */
export interface PerfWindow {
  readonly cpuPercent: number;
  readonly rssMiB: number;
}

/** perf at work; disposing of it ends it and removes what it wrote. */
export class PerfRecord implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "podflame-perf-"));
  readonly #program: Program;

  constructor(frequencyHz: number) {
    const args = ["record", "-e", "cpu-clock", "-F", String(frequencyHz), "-a", "-g", "-o", this.file];
    this.#program = new Program("perf record", "perf", args);
  }

  /** perf.data; whole after `stop`. */
  get file(): string {
    return join(this.#folder, "perf.data");
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Ends it; the file is whole then. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
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
