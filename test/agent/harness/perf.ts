/** Debian's `perf record`, as yardstick and as oracle: all CPUs, call graphs by frame pointers. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Program } from "../../peers/program.ts";
import type { Sample } from "./samples.ts";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 << 20;

/** Hits by call path: names joined by `;`, innermost first, up to the program's main function. */
export type Paths = ReadonlyMap<string, number>;

/** perf at work; disposing of it ends it and removes what it wrote. */
export class PerfRecord implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "podflame-perf-"));
  readonly #program: Program;

  constructor(frequencyHz: number) {
    const args = ["record", "-e", "cpu-clock", "-F", String(frequencyHz), "-a", "-g", "-o", this.#file];
    this.#program = new Program("perf record", "perf", args);
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Ends recording: what was recorded is whole then. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  /** Call paths of one process, after `stop`. */
  async paths(pid: number): Promise<Paths> {
    const args = ["script", "--no-inline", "--fields", "pid,ip,sym", "-i", this.#file];
    const { stdout } = await run("perf", args, { maxBuffer: MAX_OUTPUT_BYTES });
    const paths = new Map<string, number>();
    // A header line, a line for each frame, an empty line.
    for (const block of stdout.split("\n\n")) {
      const [header = "", ...frames] = block.trim().split("\n");
      if (Number(header.trim()) === pid) {
        count(
          paths,
          frames.map((line) => line.trim().replace(/^\S+ /, "")),
          1,
        );
      }
    }
    return paths;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }

  get #file(): string {
    return join(this.#folder, "perf.data");
  }
}

/** Call paths of samples on the CPU. Inlined functions are left out: perf's symbol tables don't know them. */
export function pathsOf(samples: readonly Sample[]): Paths {
  const paths = new Map<string, number>();
  for (const { frames, count: hits, type } of samples) {
    if (type === "off_cpu") continue;
    const names = frames.filter(({ inlined }) => !inlined).map(({ name }) => name);
    count(paths, names, hits);
  }
  return paths;
}

/**
 * What is outside of the main function is the same for all, and perf goes on there where nothing is: it takes the first
 * frame's saved register for another frame.
 */
function count(paths: Map<string, number>, names: readonly string[], hits: number): void {
  const main = names.findLastIndex((name) => name === "main" || name === "runtime.main");
  const inside = main < 0 ? names : names.slice(0, main + 1);
  const path = inside.map((name) => (name === "" || name === "[unknown]" ? "?" : name)).join(";");
  paths.set(path, (paths.get(path) ?? 0) + hits);
}
