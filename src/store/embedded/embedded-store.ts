import { mkdirSync, statfsSync, statSync } from "node:fs";
import { readdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Timer } from "#telemetry";
import {
  type AppendReceipt,
  type AppendRequest,
  type IdentityEntry,
  type LabelValues,
  type ProfileStore,
  type ProfileType,
  type Selector,
  type SeriesSpan,
  type StackSums,
  StoreError,
  type StoreState,
  type SumRequest,
  type TimeRange,
  type Timeline,
  type TimelineRequest,
} from "../profile-store.ts";
import { SeriesCatalog } from "../series/index.ts";
import { BlockHealth, DAMAGED } from "./block-health.ts";
import { Catalogue } from "./catalogue.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { type JobRunner, runJob } from "./compactor.ts";
import type { Engine } from "./duckdb.ts";
import { openEngineThread } from "./engine-thread.ts";
import { FileKeeper } from "./file-keeper.ts";
import { ChunkMemory, EVENT_BYTES, Head } from "./head.ts";
import { writeHead } from "./head-flush.ts";
import { Ingest } from "./ingest.ts";
import { Journal } from "./journal.ts";
import { Maintenance } from "./maintenance.ts";
import { isCrowded, NamesCollection } from "./names-collection.ts";
import { emptyNames, markOf, type Names, type NamesMark, readNames, writeNames } from "./names-files.ts";
import { Questions } from "./questions.ts";
import { loadReaders, type Readers, readRequest, TableMemory } from "./read-request.ts";
import { SeriesIndex } from "./series-index.ts";
import { checkSettings, type CompleteSettings, completeSettings, type EmbeddedStoreSettings } from "./settings.ts";
import { RAW_TICK_MS, TIERS } from "./tiers.ts";

const HOUR_MS = 3_600_000;
/** Clocks of senders and this one may differ by that. */
const MAX_AHEAD_MS = 24 * HOUR_MS;
/** Hours that samples of one head may be of: each becomes a block of four files. */
const MAX_HEAD_HOURS = 72;
/** Whose names are read at the start: what ran in the hours that most ask for first. */
const WARM_MS = 6 * HOUR_MS;
/** After a flush that failed. */
const RETRY_FLUSH_MS = 2000;
const JOURNAL = "journal";
const NAMES = "names";
const SPILL = "spill";
const CATALOGUE = "catalogue.sqlite";

/** A head that is being written. */
interface FrozenHead {
  readonly head: Head;
  /** Of the journal, the last that it is in. */
  readonly segment: number;
  /** What its samples refer to is below. */
  readonly names: NamesMark;
}

/**
 * Opens the store in a folder, or begins one: what was acknowledged before a crash is there again when it resolves.
 *
 * @param run merges blocks; in a process of its own unless given
 * @throws StoreError "invalid" for settings that can't be, "unavailable" where the folder is in use or can't be used
 */
export async function openEmbeddedStore(
  settings: EmbeddedStoreSettings,
  run: JobRunner = runJob,
): Promise<EmbeddedStore> {
  const problems = checkSettings(settings);
  if (problems.length > 0) {
    throw new StoreError("invalid", problems.map(({ key, problem }) => `${key} ${problem}`).join("; "));
  }
  const complete = completeSettings(settings);
  const lock = new DirectoryLock(complete.directory);
  try {
    return await DiskStore.open(complete, lock, run);
  } catch (error) {
    lock.release();
    if (error instanceof StoreError) throw error;
    throw new StoreError("unavailable", `the store in ${complete.directory} can't be opened: ${textOf(error)}`, {
      cause: error,
    });
  }
}

/** A store on disk. */
export interface EmbeddedStore extends ProfileStore {
  /** Resolves when all blocks are merged, handed on and removed as far as they are due; for tests and benchmarks. */
  tidied(): Promise<void>;
}

interface Parts {
  readonly names: Names;
  /** What of them is in files. */
  readonly savedNames: NamesMark;
  /** Whether all files of them could be read. */
  readonly areNamesWhole: boolean;
  readonly lock: DirectoryLock;
  readonly database: DatabaseSync;
  readonly series: SeriesCatalog;
  readonly catalogue: Catalogue;
  readonly index: SeriesIndex;
  readonly engine: Engine;
  readonly health: BlockHealth;
  readonly readers: Readers;
}

/**
 * Profiles on the disk of this machine. A request goes to the journal, then into the head, where answers see it at once;
 * every minute the head becomes a block of Parquet files, and its journal goes. Blocks are merged, handed on to coarser
 * tiers and removed by `Maintenance`.
 */
class DiskStore implements EmbeddedStore {
  readonly #settings: CompleteSettings;
  readonly #parts: Parts;
  readonly #files: FileKeeper;
  readonly #tables: TableMemory;
  readonly #ingest: Ingest;
  readonly #questions: Questions;
  readonly #maintenance: Maintenance;
  readonly #lost = new Map<string, number>();
  readonly #stopped = new AbortController();
  #journal!: Journal;
  readonly #chunks: ChunkMemory;
  #head: Head;
  #frozen: FrozenHead | undefined;
  #names: Names;
  #savedNames: NamesMark;
  #newest = 0;
  #flushing: Promise<void> | undefined;
  #timers: Timer[] = [];
  #checking: Promise<void> = Promise.resolve();
  #warming: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(settings: CompleteSettings, parts: Parts, run: JobRunner) {
    const { directory, limits, retention } = settings;
    const { index, readers, catalogue, engine, series, health } = parts;
    this.#settings = settings;
    this.#parts = parts;
    this.#files = new FileKeeper(directory);
    this.#names = parts.names;
    const names = (): Names => this.#names;
    this.#tables = new TableMemory(readers);
    this.#chunks = new ChunkMemory(limits.headSamples);
    this.#head = new Head(this.#chunks);
    this.#ingest = new Ingest(names, index, readers, {
      oldest: retention.coarseMs,
      newest: MAX_AHEAD_MS,
      hours: MAX_HEAD_HOURS,
    });
    this.#savedNames = parts.savedNames;
    for (const block of catalogue.blocks) this.#newest = Math.max(this.#newest, block.to);
    const heads = (): readonly Head[] => (this.#frozen ? [this.#frozen.head, this.#head] : [this.#head]);
    this.#questions = new Questions(
      { directory, engine, catalogue, series, index, names, files: this.#files, heads },
      { timeMs: limits.queryMs, entries: limits.queryEntries, concurrent: limits.concurrentQueries },
    );
    this.#maintenance = new Maintenance({
      settings,
      catalogue,
      engine,
      health,
      files: this.#files,
      series,
      index,
      heads,
      otherBytes: () => [...this.#otherBytes().values()].reduce((sum, bytes) => sum + bytes, 0),
      // What a file that is lost said stands for something in blocks: there, no number is given away.
      areNamesCrowded: () => parts.areNamesWhole && isCrowded(this.#names),
      collectNames: (signal) => this.#collectNames(signal),
      run,
    });
  }

  static async open(settings: CompleteSettings, lock: DirectoryLock, run: JobRunner): Promise<DiskStore> {
    const { directory, limits, logger } = settings;
    const folders = [JOURNAL, NAMES, SPILL, DAMAGED, ...TIERS.map(({ name }) => name)];
    for (const folder of folders) mkdirSync(join(directory, folder), { recursive: true, mode: 0o750 });
    const readers = await loadReaders();
    const database = new DatabaseSync(join(directory, CATALOGUE), { timeout: 5000 });
    let engine: Engine | undefined;
    try {
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
      const series = new SeriesCatalog(database, settings.series, () => settings.clock.nowMs());
      const catalogue = new Catalogue(database);
      await removeLeftovers(directory, [NAMES, ...TIERS.map(({ name }) => name)], catalogue.paths());
      const spillDirectory = join(directory, SPILL);
      for (const left of await readdir(spillDirectory))
        await rm(join(spillDirectory, left), { recursive: true, force: true });
      engine = await openEngineThread({
        memoryBytes: limits.engineBytes,
        threads: 1,
        spillDirectory: join(spillDirectory, "server"),
      });
      const health = new BlockHealth(directory, catalogue, logger);
      const names = emptyNames(limits);
      const goodNames = await health.goodNames();
      const savedNames = await readNames(engine, goodNames, directory, names);
      const areNamesWhole = goodNames.length === catalogue.names.length;
      const index = new SeriesIndex(series, catalogue);
      const parts = {
        names,
        savedNames,
        areNamesWhole,
        lock,
        database,
        series,
        catalogue,
        index,
        engine,
        health,
        readers,
      };
      const store = new DiskStore(settings, parts, run);
      await store.#recover();
      store.#begin();
      return store;
    } catch (error) {
      await engine
        ?.close()
        .catch((failure: unknown) => logger.warn("the engine did not close", { error: textOf(failure) }));
      database.close();
      throw error;
    }
  }

  async append({ bytes, receivedAt }: AppendRequest): Promise<AppendReceipt> {
    this.#mustBeOpen();
    this.#mustHaveRoom(bytes.length);
    return this.#tables.lend((columns) => {
      const model = readRequest(bytes, this.#parts.readers, columns);
      return this.#journal.append({ bytes, receivedAt }, () => this.#take(model, receivedAt));
    });
  }

  async recordIdentity(entries: readonly IdentityEntry[]): Promise<void> {
    this.#mustBeOpen();
    this.#parts.series.identity.record(entries);
    this.#parts.series.save();
  }

  async profileTypes(range: TimeRange): Promise<readonly ProfileType[]> {
    this.#mustBeOpen();
    return this.#parts.series.types(range);
  }

  async labelNames(selector: Selector, range: TimeRange): Promise<readonly string[]> {
    this.#mustBeOpen();
    return this.#parts.series.labelNamesInTurns(selector, range, this.#stopped.signal);
  }

  async labelValues(name: string, selector: Selector, range: TimeRange, limit: number): Promise<LabelValues> {
    this.#mustBeOpen();
    return this.#parts.series.labelValuesInTurns(name, selector, range, limit, this.#stopped.signal);
  }

  async resolve(selector: Selector, range: TimeRange, type?: string): Promise<readonly SeriesSpan[]> {
    this.#mustBeOpen();
    return this.#parts.series.resolveInTurns(selector, range, type, this.#stopped.signal);
  }

  async sum(request: SumRequest): Promise<StackSums> {
    this.#mustBeOpen();
    return this.#answer(() => this.#questions.sum(request));
  }

  async timeline(request: TimelineRequest): Promise<Timeline> {
    this.#mustBeOpen();
    return this.#answer(() => this.#questions.timeline(request));
  }

  state(): StoreState {
    const { catalogue, health, series } = this.#parts;
    const { stacks, frames } = this.#names;
    const bytes = this.#otherBytes();
    const add = (name: string, count: number): unknown => bytes.set(name, (bytes.get(name) ?? 0) + count);
    let oldest = Math.min(this.#head.oldest, this.#frozen?.head.oldest ?? Infinity);
    for (const { step, files, from } of catalogue.blocks) {
      oldest = Math.min(oldest, from);
      const tier = TIERS.find((one) => one.step === step)!.name;
      for (const { kind, bytes: size } of files) add(kind === "events" ? "disk.events" : `disk.${tier}`, size);
    }
    add("memory.head", (this.#head.length + (this.#frozen?.head.length ?? 0)) * EVENT_BYTES);
    add("memory.stacks", stacks.size);
    add("memory.frames", frames.size + frames.texts.size);
    const lost = new Map(this.#lost);
    for (const [reason, count] of series.lost) lost.set(reason, (lost.get(reason) ?? 0) + count);
    return {
      visibleUpTo: this.#newest,
      oldest: Number.isFinite(oldest) ? oldest : undefined,
      bytes,
      damaged: [...health.damaged],
      lost,
      removed: this.#maintenance.removed,
    };
  }

  async flush(): Promise<void> {
    this.#mustBeOpen();
    // One that is under way may have begun before the last append.
    await this.#flushing?.catch(() => undefined);
    try {
      await this.#flushHead();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const text = `samples can't be written to ${this.#settings.directory}: ${textOf(error)}; they are in the journal`;
      throw new StoreError("unavailable", text, { cause: error });
    }
  }

  async tidied(): Promise<void> {
    this.#mustBeOpen();
    await this.#maintenance.tidied();
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#stopped.abort(closed());
    for (const timer of this.#timers.splice(0)) timer.cancel();
    await this.#flushing?.catch(() => undefined);
    const { lock, database, engine, series } = this.#parts;
    try {
      await this.#maintenance.close();
      await Promise.all([this.#checking, this.#warming]);
      // What can't be flushed now is in the journal.
      await this.#flushHead().catch((error: unknown) =>
        this.#warn("samples stay in the journal until the next start", error),
      );
      await this.#journal.close();
      series.save();
    } finally {
      await engine.close().catch((error: unknown) => this.#warn("the database engine did not close", error));
      database.close();
      lock.release();
    }
  }

  /** Bytes of files that are no blocks, by kind. */
  #otherBytes(): Map<string, number> {
    const catalogue = statSync(join(this.#settings.directory, CATALOGUE), { throwIfNoEntry: false })?.size ?? 0;
    return new Map([
      ["disk.names", this.#parts.catalogue.names.reduce((sum, { bytes }) => sum + bytes, 0)],
      ["disk.journal", this.#journal.segmentBytes],
      // Its log comes and goes by some megabytes: data must not go with it.
      ["disk.catalogue", catalogue],
    ]);
  }

  /** Reads what the journal has that blocks don't. */
  async #recover(): Promise<void> {
    const { catalogue, readers } = this.#parts;
    const { directory, durability, limits } = this.#settings;
    const folder = join(directory, JOURNAL);
    const { entries, cutBytes } = await Journal.replay(
      folder,
      catalogue.journalSegment,
      ({ bytes, receivedAt }) => {
        try {
          this.#take(readRequest(bytes, readers), receivedAt);
        } catch (error) {
          this.#lose("replay_failed", 1);
          this.#warn("a request in the journal can't be read any more", error);
        }
      },
      async (segment) => {
        if (this.#head.length < limits.headSamples) return;
        this.#frozen = this.#freeze(segment);
        await this.#writeFrozen();
      },
    );
    if (cutBytes > 0) this.#lose("journal_torn_bytes", cutBytes);
    if (entries > 0) this.#settings.logger.info("the journal was read", { requests: entries, cut_bytes: cutBytes });
    this.#journal = await Journal.open(folder, durability, catalogue.journalSegment);
  }

  #begin(): void {
    const { flushIntervalMs, fsyncIntervalMs, durability } = this.#settings;
    this.#every(flushIntervalMs, () => this.#flushInBackground());
    if (durability === "write") {
      this.#every(fsyncIntervalMs, () =>
        this.#journal.sync().catch((error: unknown) => this.#warn("fsync failed", error)),
      );
    }
    this.#checking = this.#parts.health
      .checkAll(this.#stopped.signal)
      .catch((error: unknown) => this.#warn("blocks could not be checked", error));
    this.#warming = this.#warm().catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) this.#warn("names could not be read", error);
    });
    this.#maintenance.begin();
  }

  /** Reads the names of what ran lately: whoever asks first doesn't wait for them. */
  async #warm(): Promise<void> {
    const range = { from: this.#newest - WARM_MS, to: Infinity };
    await this.#parts.series.resolveInTurns([], range, undefined, this.#stopped.signal);
  }

  #every(ms: number, work: () => unknown): void {
    const { clock } = this.#settings;
    const slot = this.#timers.length;
    const arm = (): void => {
      this.#timers[slot] = clock.timer(ms, () => {
        if (this.#stopped.signal.aborted) return;
        work();
        arm();
      });
    };
    arm();
  }

  #take(model: ReturnType<typeof readRequest>, receivedAt: number): AppendReceipt {
    const receipt = this.#ingest.add(model, receivedAt, this.#head);
    for (const [reason, count] of receipt.rejected) this.#lose(reason, count);
    // Times are rounded down; what ends at the last sample's would leave it out.
    this.#newest = Math.max(this.#newest, this.#head.newest + RAW_TICK_MS);
    const isLarge = this.#head.length >= this.#settings.limits.headSamples;
    if (isLarge && this.#journal !== undefined) this.#flushInBackground();
    return receipt;
  }

  #mustHaveRoom(length: number): void {
    const { pendingBytes, headSamples, journalBytes, minFreeBytes } = this.#settings.limits;
    if (this.#journal.waitingBytes + length > Math.max(pendingBytes, length)) {
      throw new StoreError(
        "overloaded",
        `requests of ${pendingBytes} bytes are on their way to the disk; try again later`,
      );
    }
    if (this.#head.length >= 2 * headSamples || this.#journal.segmentBytes > journalBytes) {
      throw new StoreError("overloaded", "samples come faster than they can be written; try again later");
    }
    if (minFreeBytes === 0) return;
    const { bavail, bsize } = statfsSync(this.#settings.directory);
    if (bavail * bsize >= minFreeBytes) return;
    throw new StoreError(
      "unavailable",
      `the disk of ${this.#settings.directory} is full: ${bavail * bsize} bytes are left, ${minFreeBytes} must stay free; ` +
        "make room, or set a limit of bytes for the tiers",
    );
  }

  #flushInBackground(): void {
    if (this.#flushing || this.#stopped.signal.aborted) return;
    this.#flushHead().catch((error: unknown) => {
      this.#warn("samples can't be written to disk, and stay in memory and journal; it's tried again", error);
      this.#timers.push(this.#settings.clock.timer(RETRY_FLUSH_MS, () => this.#flushInBackground()));
    });
  }

  #flushHead(): Promise<void> {
    return this.#flushing ?? this.#alone(this.#flushOnce());
  }

  /** Nothing else is flushed until that has ended. */
  #alone(work: Promise<void>): Promise<void> {
    this.#flushing = work.finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flushOnce(): Promise<void> {
    // What failed before comes first.
    if (this.#frozen) await this.#writeFrozen();
    if (this.#head.isEmpty && this.#journal.segmentBytes === 0 && this.#journal.waitingBytes === 0) return;
    await this.#journal.rotate((segment) => {
      this.#frozen = this.#freeze(segment);
    });
    await this.#writeFrozen();
  }

  #freeze(segment: number): FrozenHead {
    const head = this.#head;
    this.#head = new Head(this.#chunks);
    return { head, segment, names: markOf(this.#names) };
  }

  async #writeFrozen(): Promise<void> {
    const frozen = this.#frozen!;
    const { head, segment, names } = frozen;
    const { engine, index, series, catalogue, health } = this.#parts;
    const { directory } = this.#settings;
    // Names before what refers to them, though all become visible at once.
    const addNames = await writeNames(engine, this.#names, this.#savedNames, names, directory);
    const addBlocks = head.isEmpty ? [] : await writeHead(engine, head, (one) => index.homeOf(one), directory, segment);
    series.save();
    const homes = index.unsaved();
    catalogue.commit({ addNames, addBlocks, ...homes, journalSegment: segment });
    index.saved(homes);
    health.trust(addBlocks.flatMap(({ files }) => files.map(({ path }) => path)));
    this.#savedNames = names;
    this.#frozen = undefined;
    head.end();
    await Journal.forget(join(directory, JOURNAL), segment);
    this.#maintenance.wake();
  }

  /** Frees what no sample has any more of stacks, frames and texts. */
  async #collectNames(signal: AbortSignal): Promise<void> {
    const { engine, catalogue, health } = this.#parts;
    const { directory, limits, logger } = this.#settings;
    const before = markOf(this.#names);
    const collection = new NamesCollection(engine, catalogue, directory, this.#names, limits, signal);
    await collection.readBlocks();
    // What is written of names must not change meanwhile.
    while (this.#flushing) await this.#flushing.catch(() => undefined);
    if (this.#frozen) return;
    await this.#alone(this.#replaceNames(collection));
    health.trust(catalogue.names.map(({ path }) => path));
    const { stacks, frames } = this.#names;
    logger.info("stacks, frames and names that no sample has any more were removed", {
      nodes: before.nodes - 1,
      nodes_kept: stacks.used,
      frames: before.frames - 1,
      frames_kept: frames.length - 1,
    });
  }

  async #replaceNames(collection: NamesCollection): Promise<void> {
    const replaced = await collection.finish(this.#head, ({ names, saved }) => {
      this.#names = names;
      this.#savedNames = saved;
    });
    await this.#files.remove(replaced);
  }

  /** Runs a question; if a file turns out to be damaged, once more without it. */
  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const { health, catalogue } = this.#parts;
      const before = health.damaged.length;
      for (const block of catalogue.blocks) await health.check(block);
      if (health.damaged.length > before) return this.#answer(ask);
      throw new StoreError("corrupt", `the query failed: ${textOf(error)}`, { cause: error });
    }
  }

  #lose(reason: string, count: number): void {
    this.#lost.set(reason, (this.#lost.get(reason) ?? 0) + count);
  }

  #warn(message: string, error: unknown): void {
    this.#settings.logger.warn(message, { error: textOf(error) });
  }

  #mustBeOpen(): void {
    if (this.#closing) throw closed();
  }
}

function closed(): StoreError {
  return new StoreError("unavailable", "the store is closed");
}

async function removeLeftovers(
  directory: string,
  folders: readonly string[],
  known: ReadonlySet<string>,
): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(join(directory, folder))) {
      const path = join(folder, name);
      // A process that merges blocks may outlive its store by a second, and renames its files.
      if (!known.has(path)) await unlink(join(directory, path)).catch(() => undefined);
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
