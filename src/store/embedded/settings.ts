import { type Clock, type Logger, silentLogger, systemClock } from "#telemetry";
import type { SeriesLimits } from "../series/index.ts";
import type { Durability } from "./journal.ts";
import { COARSE, DAY_SECONDS, FINE, MINUTES, type Tier } from "./tiers.ts";

/** What a store on disk needs to know. Everything but the folder has a default. */
export interface EmbeddedStoreSettings {
  /** Made where it isn't there. One process at a time uses it. */
  readonly directory: string;
  /** `write` (default): acknowledged requests survive the process, and the machine after `fsyncIntervalMs`; `fsync`: both. */
  readonly durability?: Durability;
  /** Milliseconds; 1,000. */
  readonly fsyncIntervalMs?: number;
  /** How long samples stay in memory (and in the journal) before they become blocks. Milliseconds; 60,000. */
  readonly flushIntervalMs?: number;
  /** Names that nothing refers to are looked for no more often than that: all blocks are read for it. Milliseconds; an hour. */
  readonly collectIntervalMs?: number;
  readonly retention?: Partial<Retention>;
  readonly limits?: Partial<StoreLimits>;
  readonly series?: Partial<SeriesLimits>;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** How long data is kept, and how much of it. */
export interface Retention {
  /** Times of single samples, milliseconds; 48 hours. */
  readonly rawMs: number;
  /** The 10 s tier: 2 days. */
  readonly fineMs: number;
  /** The 60 s tier: 14 days. */
  readonly minutesMs: number;
  /** The 5 min tier: 90 days. */
  readonly coarseMs: number;
  /** Bytes of files of each tier; the oldest go first. No limit unless given. */
  readonly fineBytes: number;
  readonly minutesBytes: number;
  readonly coarseBytes: number;
  /** Bytes of all files: blocks with single samples, names, journal, catalogue. No limit unless given; see `retire`. */
  readonly totalBytes: number;
}

/** Bounds of memory and time. */
export interface StoreLimits {
  /** Samples in memory before they are written early; twice as many while that is under way. 32 bytes each; 250,000. */
  readonly headSamples: number;
  /** Bytes of requests whose acknowledgement is under way; 64 MB. */
  readonly pendingBytes: number;
  /** Bytes of journal that one head may have; 512 MB. */
  readonly journalBytes: number;
  /** Nodes of the tree of stacks, 8 bytes on disk and about 12 in memory each; 16 million. */
  readonly stackNodes: number;
  /** Frames of stacks, each once: 28 bytes on disk and about 60 in memory each; 4 million. */
  readonly frames: number;
  /** Bytes of names of frames, files and mappings, each once, with 24 for each; 256 MB. */
  readonly nameBytes: number;
  /** Milliseconds that a query may take; 30,000. */
  readonly queryMs: number;
  /** Entries of an answer, 16 bytes each; 16 million. */
  readonly queryEntries: number;
  readonly concurrentQueries: number;
  /** Bytes of the database engine's buffers; 72 MB. */
  readonly engineBytes: number;
  /** The same of the process that merges blocks; 72 MB, and more where that isn't enough. It needs about 170 MB beside. */
  readonly compactionBytes: number;
  /** Bytes of the disk that stay free for flushes and the catalogue: below it intake is refused; 128 MB. */
  readonly minFreeBytes: number;
}

/** Settings with all that was left open. */
export interface CompleteSettings {
  readonly directory: string;
  readonly durability: Durability;
  readonly fsyncIntervalMs: number;
  readonly flushIntervalMs: number;
  readonly collectIntervalMs: number;
  readonly retention: Retention;
  readonly limits: StoreLimits;
  readonly series: Partial<SeriesLimits>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DAY_MS = DAY_SECONDS * 1000;

export const DEFAULT_RETENTION: Retention = {
  rawMs: 2 * DAY_MS,
  fineMs: 2 * DAY_MS,
  minutesMs: 14 * DAY_MS,
  coarseMs: 90 * DAY_MS,
  fineBytes: Infinity,
  minutesBytes: Infinity,
  coarseBytes: Infinity,
  totalBytes: Infinity,
};

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  headSamples: 250_000,
  pendingBytes: 64e6,
  journalBytes: 512e6,
  stackNodes: 16_000_000,
  frames: 4_000_000,
  nameBytes: 256e6,
  queryMs: 30_000,
  queryEntries: 16_000_000,
  concurrentQueries: 16,
  engineBytes: 72e6,
  compactionBytes: 72e6,
  minFreeBytes: 128e6,
};

/** How long a tier is kept, milliseconds. */
export function keptMs({ fineMs, minutesMs, coarseMs }: Retention, { step }: Tier): number {
  return step === FINE.step ? fineMs : step === MINUTES.step ? minutesMs : coarseMs;
}

/** How many bytes a tier may have. */
export function keptBytes({ fineBytes, minutesBytes, coarseBytes }: Retention, { step }: Tier): number {
  return step === FINE.step ? fineBytes : step === COARSE.step ? coarseBytes : minutesBytes;
}

export function completeSettings(settings: EmbeddedStoreSettings): CompleteSettings {
  return {
    directory: settings.directory,
    durability: settings.durability ?? "write",
    fsyncIntervalMs: settings.fsyncIntervalMs ?? 1000,
    flushIntervalMs: settings.flushIntervalMs ?? 60_000,
    collectIntervalMs: settings.collectIntervalMs ?? 3_600_000,
    retention: { ...DEFAULT_RETENTION, ...settings.retention },
    limits: { ...DEFAULT_STORE_LIMITS, ...settings.limits },
    series: settings.series ?? {},
    clock: settings.clock ?? systemClock,
    logger: settings.logger ?? silentLogger,
  };
}

/** What is wrong with settings, each with the key and what to do; empty where all is well. */
export function checkSettings(
  settings: EmbeddedStoreSettings,
): readonly { readonly key: string; readonly problem: string }[] {
  const { directory, durability, fsyncIntervalMs, flushIntervalMs, retention, limits } = completeSettings(settings);
  const problems: { key: string; problem: string }[] = [];
  const check = (isRight: boolean, key: string, problem: string): void => {
    if (!isRight) problems.push({ key, problem });
  };
  check(directory !== "", "directory", "names the folder of the store; it can't be empty");
  check(durability === "write" || durability === "fsync", "durability", "is write or fsync");
  check(fsyncIntervalMs >= 10, "fsyncIntervalMs", "must be at least 10 ms");
  check(flushIntervalMs >= 100, "flushIntervalMs", "must be at least 100 ms");
  for (const [key, value] of Object.entries(retention) as [keyof Retention, number][]) {
    check(value >= 0, `retention.${key}`, "can't be negative");
  }
  const { rawMs, fineMs, minutesMs, coarseMs } = retention;
  check(rawMs <= fineMs, "retention.rawMs", "can't be longer than the 10 s tier is kept, whose blocks have them");
  check(fineMs >= 3 * 3_600_000, "retention.fineMs", "must be at least 3 hours: coarser tiers are made of whole hours");
  check(minutesMs >= fineMs, "retention.minutesMs", "must be at least as long as the 10 s tier is kept");
  check(coarseMs >= minutesMs, "retention.coarseMs", "must be at least as long as the 60 s tier is kept");
  const { totalBytes } = retention;
  check(totalBytes > limits.journalBytes, "retention.totalBytes", "must be above limits.journalBytes, which counts");
  for (const [key, value] of Object.entries(limits) as [keyof StoreLimits, number][]) {
    const least = LEAST[key] ?? 1;
    check(value >= least, `limits.${key}`, `must be at least ${least}`);
  }
  for (const key of ["stackNodes", "frames"] as const) {
    check(limits[key] < 2 ** 31, `limits.${key}`, "must be below 2^31: other readers misread larger numbers");
  }
  return problems;
}

const LEAST: Partial<Record<keyof StoreLimits, number>> = {
  headSamples: 1000,
  pendingBytes: 1e6,
  journalBytes: 1e6,
  stackNodes: 1000,
  frames: 1000,
  nameBytes: 100_000,
  queryMs: 100,
  engineBytes: 64e6,
  compactionBytes: 64e6,
  minFreeBytes: 0,
};
