import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Timer } from "#telemetry";
import type { TimeRange } from "../profile-store.ts";
import type { SeriesCatalog } from "../series/index.ts";
import { selectMerged } from "./block-files.ts";
import type { BlockHealth } from "./block-health.ts";
import type { Block, BlockFile, BlockFileKind, Catalogue, NamesFile, NamesKind } from "./catalogue.ts";
import { type Merge, nextMerge } from "./compaction-plan.ts";
import type { CompactionJob, CompactionResult } from "./compaction-process.ts";
import type { JobRunner } from "./compactor.ts";
import type { Engine } from "./duckdb.ts";
import type { FileKeeper } from "./file-keeper.ts";
import type { Head } from "./head.ts";
import { homeParts } from "./home-parts.ts";
import { selectNames } from "./names-files.ts";
import { type Removal, RetentionClock, retire } from "./retention.ts";
import type { SeriesIndex } from "./series-index.ts";
import type { CompleteSettings } from "./settings.ts";
import type { Tier } from "./tiers.ts";

/** What is looked after. */
export interface Cared {
  readonly settings: CompleteSettings;
  readonly catalogue: Catalogue;
  readonly engine: Engine;
  readonly health: BlockHealth;
  readonly files: FileKeeper;
  readonly series: SeriesCatalog;
  readonly index: SeriesIndex;
  heads(): readonly Head[];
  /** Bytes of files that are no blocks. */
  otherBytes(): number;
  /** Whether names fill so much of their room that those that nothing refers to should go. */
  areNamesCrowded(): boolean;
  /** Has those names removed. */
  collectNames(signal: AbortSignal): Promise<void>;
  readonly run: JobRunner;
}

const ROUND_MS = 30_000;
/** Files of one kind of names that are worth merging. */
const NAMES_FILES = 16;
/** Identity and series that can't name anything any more are looked for that often. */
const FORGET_MS = 3_600_000;
/** A merge may take so many times its limit rather than never be done. */
const MOST_MEMORY = 4;
const KINDS: readonly BlockFileKind[] = ["rows", "activity", "totals", "events"];

/** Looks after the blocks: merges them, hands them on to coarser tiers, and removes what is too old or too much. */
export class Maintenance {
  readonly #cared: Cared;
  readonly #stopped = new AbortController();
  readonly #clock: RetentionClock;
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #isWoken = false;
  #forgotAt = -Infinity;
  #collectedAt = -Infinity;
  #isTooLarge = false;
  readonly #removed = new Map<Removal, number>();

  constructor(cared: Cared) {
    this.#cared = cared;
    let newest = 0;
    for (const { to } of cared.catalogue.blocks) newest = Math.max(newest, to);
    this.#clock = new RetentionClock(cared.settings.clock, newest);
  }

  /** Bytes of files that retention removed since the start, by reason. */
  get removed(): ReadonlyMap<Removal, number> {
    return this.#removed;
  }

  begin(): void {
    const arm = (): void => {
      this.#timer = this.#cared.settings.clock.timer(ROUND_MS, () => {
        this.wake();
        arm();
      });
    };
    arm();
    this.wake();
  }

  /** Looks whether there is something to do, now or when the round that is under way ends. */
  wake(): void {
    this.#isWoken = true;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
  }

  /** Resolves when there is nothing left to do. */
  async tidied(): Promise<void> {
    this.wake();
    await this.#round;
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.cancel();
    await this.#round;
  }

  async #rounds(): Promise<void> {
    while (this.#isWoken && !this.#stopped.signal.aborted) {
      this.#isWoken = false;
      try {
        await this.#retire();
        while (!this.#stopped.signal.aborted && (await this.#mergeOne())) await this.#retire();
        await this.#collectNames();
        await this.#mergeNames();
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const text = error instanceof Error ? error.message : String(error);
        this.#cared.settings.logger.warn("blocks could not be looked after; it's tried again", { error: text });
        return;
      }
    }
  }

  /** Removes what is too old or too much, and gives its space back. */
  async #retire(): Promise<void> {
    const { catalogue, settings, files, series, index } = this.#cared;
    const now = this.#clock.now();
    const { change, paths, bytes, excess } = retire(
      catalogue.blocks,
      settings.retention,
      now,
      this.#cared.otherBytes(),
    );
    if (paths.length > 0) {
      catalogue.commit(change);
      await files.remove(paths);
      for (const [why, count] of bytes) this.#removed.set(why, (this.#removed.get(why) ?? 0) + count);
    }
    if (excess > 0 && !this.#isTooLarge) {
      settings.logger.warn(
        "names, journal and catalogue alone have more bytes than the store may; no block is kept. Raise the limit of all bytes",
        { excess_bytes: excess },
      );
    }
    this.#isTooLarge = excess > 0;
    const monotonic = settings.clock.monotonicMs();
    if (monotonic - this.#forgotAt < FORGET_MS) return;
    this.#forgotAt = monotonic;
    const { from } = this.#held();
    if (!Number.isFinite(from)) return;
    series.forgetBefore(from);
    index.clear();
  }

  /** Does the next merge. False when there is none. */
  async #mergeOne(): Promise<boolean> {
    const { catalogue, engine, settings, health, files } = this.#cared;
    const merge = nextMerge(catalogue.blocks, settings.clock.nowMs());
    if (!merge) return false;
    const { directory } = settings;
    const filesOf = (kind: BlockFileKind): readonly BlockFile[] =>
      merge.sources.flatMap((block) => block.files.filter((file) => file.kind === kind));
    const { kept } = merge;
    const pathsOf = (kind: BlockFileKind): readonly string[] =>
      filesOf(kind).flatMap((file) => (kept.includes(file) ? [] : join(directory, file.path)));
    // Single samples stay with the finest tier.
    const kinds = KINDS.filter((kind) => kind !== "events" || !merge.isRoll);
    const attempt = uniqueName();
    const outputs: (CompactionJob["outputs"][number] & { readonly kind: BlockFileKind; readonly tier: Tier })[] = [];
    for (const kind of kinds) {
      const sources = pathsOf(kind);
      if (sources.length === 0) continue;
      for (const [part, homes] of (await homeParts(engine, kind, sources)).entries()) {
        let from = { tier: merge.source, paths: sources };
        for (const tier of merge.targets) {
          const path = join(tier.name, `${nameOf(merge, tier)}-${attempt}-${kind}-${part}.parquet`);
          const steps = { source: from.tier, target: tier, areApart: merge.areApart };
          outputs.push({ kind, tier, path, select: selectMerged(kind, from.paths, steps, homes) });
          // A coarser tier is made of the finer one that was just written, which has fewer rows.
          from = { tier, paths: [join(directory, path)] };
        }
      }
    }
    const inputs = kinds.flatMap(filesOf).filter((file) => !kept.includes(file));
    const result = await this.#run(inputs, outputs);
    if (result.kind === "damaged") {
      const damaged = merge.sources.find((block) => block.files.some(({ path }) => path === result.path))!;
      if (await health.check(damaged)) throw new Error(`${result.path} could not be read by another process`);
      return true;
    }
    const addBlocks = merge.targets.map((tier) => {
      const made: BlockFile[] = [];
      let rows = 0;
      for (const [at, output] of outputs.entries()) {
        if (output.tier !== tier) continue;
        const { path, bytes, crc, rows: written } = result.files[at]!;
        made.push({ kind: output.kind, path, bytes, crc });
        if (output.kind === "rows") rows += written;
      }
      return {
        ...boundsOf(merge.sources, tier),
        token: `${tier.name}/${nameOf(merge, tier)}`,
        step: tier.step,
        level: merge.level,
        // What is kept isn't counted again.
        rows: kept.length > 0 ? merge.sources.reduce((sum, block) => sum + block.rows, 0) : rows,
        isRolled: !merge.isRoll && merge.sources[0]!.isRolled,
        files: [...kept, ...made],
      };
    });
    // Retention may have removed sources meanwhile: what was made of them must not come back.
    if (merge.sources.some((block) => !this.#isUnchanged(block))) {
      await files.remove(outputs.map(({ path }) => path));
      return true;
    }
    catalogue.commit(
      merge.isRoll ? { addBlocks, markRolled: merge.sources } : { addBlocks, removeBlocks: merge.sources },
    );
    health.trust(outputs.map(({ path }) => path));
    if (!merge.isRoll) await files.remove(inputs.map(({ path }) => path));
    return true;
  }

  async #collectNames(): Promise<void> {
    const { clock, collectIntervalMs } = this.#cared.settings;
    const now = clock.monotonicMs();
    if (now - this.#collectedAt < collectIntervalMs || !this.#cared.areNamesCrowded()) return;
    this.#collectedAt = now;
    await this.#cared.collectNames(this.#stopped.signal);
  }

  /** Merges the files of names that came one with each flush. */
  async #mergeNames(): Promise<void> {
    const { catalogue, settings, files } = this.#cared;
    for (const kind of ["nodes", "frames", "texts"] as const) {
      const sources = mergeableNames(catalogue.names, kind);
      if (sources.length < NAMES_FILES || this.#stopped.signal.aborted) continue;
      const first = sources[0]!.first;
      const end = Math.max(...sources.map((file) => file.end));
      const path = join("names", `${kind}-${first}-${end}-${uniqueName()}.parquet`);
      const select = selectNames(sources.map((file) => join(settings.directory, file.path)));
      const result = await this.#run(sources, [{ path, select }]);
      if (result.kind === "damaged") {
        settings.logger.error("a file of names is damaged", { file: result.path });
        return;
      }
      const { bytes, crc } = result.files[0]!;
      catalogue.commit({ addNames: [{ kind, path, first, end, bytes, crc }], removeNames: sources });
      await files.remove(sources.map((file) => file.path));
    }
  }

  #isUnchanged({ id, files }: Block): boolean {
    const now = this.#cared.catalogue.block(id);
    return now !== undefined && !now.isDamaged && now.files.length === files.length;
  }

  /** Has a job done; with more memory where the engine says that it can't do without. */
  async #run(inputs: CompactionJob["inputs"], outputs: CompactionJob["outputs"]): Promise<CompactionResult> {
    const { directory, limits, logger } = this.#cared.settings;
    for (let memoryBytes = limits.compactionBytes; ; memoryBytes *= 2) {
      const job = {
        directory,
        engine: { memoryBytes, threads: 1, spillDirectory: join(directory, "spill", uniqueName()) },
        inputs: inputs.map(({ path, bytes, crc }) => ({ path, bytes, crc })),
        outputs: outputs.map(({ path, select }) => ({ path, select })),
      };
      try {
        return await this.#cared.run(job, this.#stopped.signal);
      } catch (error) {
        const isTooLittle = error instanceof Error && /out of memory/i.test(error.message);
        if (!isTooLittle || memoryBytes >= limits.compactionBytes * MOST_MEMORY) throw error;
        logger.info(
          "a merge of blocks needs more memory than limits.compactionBytes; it's tried again with twice as much",
        );
      }
    }
  }

  #held(): TimeRange {
    const { catalogue } = this.#cared;
    let [from, to] = [Infinity, -Infinity];
    for (const block of catalogue.blocks) [from, to] = [Math.min(from, block.from), Math.max(to, block.to)];
    for (const { oldest, newest } of this.#cared.heads()) [from, to] = [Math.min(from, oldest), Math.max(to, newest)];
    return { from, to };
  }
}

/** The files at the end that are not much smaller together than what is before them, so that a row is rewritten rarely. */
function mergeableNames(names: readonly NamesFile[], kind: NamesKind): readonly NamesFile[] {
  const files = names.filter((file) => file.kind === kind);
  let start = files.length;
  let rows = 0;
  while (start > 0 && files[start - 1]!.end - files[start - 1]!.first <= Math.max(rows * 2, 4096)) {
    start--;
    rows += files[start]!.end - files[start]!.first;
  }
  return files.slice(start);
}

function nameOf({ sources, isRoll }: Merge, tier: Tier): string {
  const ids = sources.map(({ id }) => id);
  return `${Math.floor(sources[0]!.from / 3_600_000)}-${isRoll ? "from" : "merge"}-${Math.min(...ids)}-${Math.max(...ids)}-${tier.step}`;
}

/**
 * Of a file that a process of its own writes: the one that a killed store left behind may still be at work on the same
 * blocks.
 */
function uniqueName(): string {
  return randomBytes(4).toString("hex");
}

function boundsOf(sources: readonly Block[], { step }: Tier): TimeRange {
  const ms = step * 1000;
  const from = Math.min(...sources.map((block) => block.from));
  const to = Math.max(...sources.map((block) => block.to));
  return { from: Math.floor(from / ms) * ms, to: Math.ceil(to / ms) * ms };
}
