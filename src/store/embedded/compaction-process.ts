import { text } from "node:stream/consumers";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeParquet } from "./block-files.ts";
import type { BlockFile } from "./catalogue.ts";
import { checksum } from "./durable-files.ts";
import { DuckDb, type EngineSettings } from "./duckdb.ts";

/** What a process that merges blocks is asked for. */
export interface CompactionJob {
  /** The store's folder; all paths are from there. */
  readonly directory: string;
  readonly engine: EngineSettings;
  /** Files that are read, as they have to be. */
  readonly inputs: readonly Pick<BlockFile, "path" | "bytes" | "crc">[];
  /** Files to write, one after the other: what was written may be read for the next. */
  readonly outputs: readonly { readonly select: string; readonly path: string }[];
}

/** What it answers. */
export type CompactionResult =
  | {
      readonly kind: "done";
      readonly files: readonly (Pick<BlockFile, "path" | "bytes" | "crc"> & { readonly rows: number })[];
      /** Of the processes, where there were any: CPU time of all, memory of the largest. */
      readonly usage?: { readonly cpuMs: number; readonly peakBytes: number };
    }
  /** An input is not what was written, so nothing was. */
  | { readonly kind: "damaged"; readonly path: string };

/** Where this module is, for the process that is to run it: bundled or not. */
export const moduleUrl = import.meta.url;

/**
 * What the process does: reads a job from standard input, and writes the result to standard output. It is a process of its
 * own because merging takes memory that is only given back when it ends.
 */
export async function runCompaction(): Promise<void> {
  const job = JSON.parse(await text(process.stdin)) as CompactionJob;
  // Whoever asked may be gone: then nobody waits for this any more.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.exit(1), 1000).unref();
  const result = await compact(job);
  const { user, system } = process.cpuUsage();
  const usage = { cpuMs: (user + system) / 1000, peakBytes: await peakBytes() };
  process.stdout.write(JSON.stringify(result.kind === "done" ? { ...result, usage } : result));
}

/** The most memory that this process had. What `getrusage` says begins with that of the process it was forked from. */
async function peakBytes(): Promise<number> {
  const status = await readFile("/proc/self/status", "latin1").catch(() => "");
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024;
}

/** Does a job in this process. */
export async function compact({
  directory,
  engine: settings,
  inputs,
  outputs,
}: CompactionJob): Promise<CompactionResult> {
  for (const { path, bytes, crc } of inputs) {
    const found = await checksum(join(directory, path)).catch(() => undefined);
    if (found?.bytes !== bytes || found.crc !== crc) return { kind: "damaged", path };
  }
  try {
    const files = [];
    for (const { select, path } of outputs) {
      const engine = await DuckDb.open(settings);
      try {
        files.push(await writeParquet(engine, select, directory, path));
      } finally {
        await engine.close();
      }
    }
    return { kind: "done", files };
  } finally {
    await rm(settings.spillDirectory, { recursive: true, force: true });
  }
}
