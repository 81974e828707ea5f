import type { DatabaseSync } from "node:sqlite";
import { IdentityHistory, nameOf } from "../identity/identity-history.ts";
import {
  type IdentityKey,
  type LabelValues,
  type ProfileType,
  type Selector,
  type SeriesSpan,
  StoreError,
  type TimeRange,
} from "../profile-store.ts";
import { RecentMap } from "../recent-map.ts";
import { type LabelSpan, labelSpans } from "./label-spans.ts";
import { compileSelector } from "./matchers.ts";
import { type NumberedType, ProfileTypeTable } from "./profile-type-table.ts";
import { type SeriesRow, SeriesTable } from "./series-table.ts";
import { DEFAULT_SERIES_LIMITS, type SeriesLimits } from "./series-limits.ts";
import { subjectOf } from "./subject.ts";
import type { DescribedType } from "./type-rules.ts";

/** Series whose labels are in memory, some 500 bytes each: enough for 100 nodes of 45 containers replaced ten times a day. */
const CACHED_SPANS = 50_000;

/** Milliseconds that a question about names takes before others may run. */
const TURN_MS = 10;
/** Series between two looks at the clock. */
const ROWS_A_LOOK = 64;

interface CachedSpans {
  /** What the series' resources said when the spans were made. */
  readonly own: SeriesRow["own"];
  readonly spans: readonly LabelSpan[];
  readonly keys: readonly IdentityKey[];
  /** `IdentityHistory.moment` when they were made. */
  readonly moment: number;
}

/**
 * Who the samples of a store are of: series by number, profile types by number, and the history of identity that names
 * series when somebody asks. Lives in tables of a database that the store brings.
 *
 * What comes in counts at once, but is only written by `save`: a store calls it before anything durable refers to a
 * number. Numbers are dense, from 1, below 2^31, and never used again.
 */
export class SeriesCatalog {
  readonly identity: IdentityHistory;
  readonly #database: DatabaseSync;
  readonly #limits: SeriesLimits;
  readonly #types: ProfileTypeTable;
  readonly #series: SeriesTable;
  /** By the key that series of all types have in common. */
  readonly #spans = new RecentMap<string, CachedSpans>(CACHED_SPANS);

  /**
   * Makes its tables where they aren't there yet.
   * @param limits where they differ from the defaults
   * @param now milliseconds since 1970
   */
  constructor(database: DatabaseSync, limits: Partial<SeriesLimits> = {}, now: () => number = Date.now) {
    this.#database = database;
    this.#limits = { ...DEFAULT_SERIES_LIMITS, ...limits };
    this.identity = new IdentityHistory(database, this.#limits.identityEntries, now);
    this.#types = new ProfileTypeTable(database);
    this.#series = new SeriesTable(database, this.#limits);
  }

  /** What was not kept since the start, by reason. Refused series are not among it: their samples are the store's to count. */
  get lost(): ReadonlyMap<string, number> {
    return this.identity.lost;
  }

  /** Series that are held. */
  get size(): number {
    return this.#series.size;
  }

  /**
   * The number of a profile type. A stored value times `scale` is in `ProfileType.unit`.
   * @throws StoreError "limit"
   */
  type(described: DescribedType): NumberedType {
    return this.#types.intern(described);
  }

  /** The types that answers about `id` are made of: one for each period that senders used. */
  typesOf(id: string): readonly NumberedType[] {
    return this.#types.ofId(id);
  }

  /** Types with samples in a range, by name. */
  types(range: TimeRange): readonly ProfileType[] {
    return this.#types.within(range);
  }

  /**
   * The number of the series of a type that a resource's samples belong to. What the resource says of its container is
   * remembered, whether or not the series is new.
   * @param type number of the type
   * @param attributes of the resource, by OpenTelemetry names; values as text, lists as JSON
   * @param time of the samples, milliseconds
   * @throws StoreError "limit"
   */
  series(type: number, attributes: ReadonlyMap<string, string>, time: number): number {
    const subject = subjectOf(attributes, this.#limits);
    const row = this.#series.intern(type, subject);
    if (subject.carried.size > 0) this.identity.carry(containerKey(subject.containerId), subject.carried, time);
    return row.number;
  }

  /** A series has samples from `from` to `to`, both inclusive, milliseconds. Without it the series isn't in any answer. */
  seen(series: number, from: number, to: number): void {
    const type = this.#series.seen(series, from, to);
    if (type !== undefined) this.#types.seen(type, from, to);
  }

  /** See `ProfileStore.resolve`. Nobody else runs meanwhile: see `resolveInTurns`. */
  resolve(selector: Selector, range: TimeRange, type?: string): readonly SeriesSpan[] {
    const found: SeriesSpan[] = [];
    const match = this.#matching(selector, range, (span) => found.push(span));
    for (const row of this.#rows(range, type)) match(row);
    return found;
  }

  /** See `ProfileStore.labelNames`. */
  labelNames(selector: Selector, range: TimeRange): readonly string[] {
    return namesOf(this.resolve(selector, range));
  }

  /** See `ProfileStore.labelValues`. */
  labelValues(name: string, selector: Selector, range: TimeRange, limit: number): LabelValues {
    return valuesOf(this.resolve(selector, range), name, limit);
  }

  /**
   * The same as `resolve`, others running in between: series that nobody asked for since the start take some 10 µs each.
   * Series and names are as they are when their turn comes.
   * @throws the reason of `signal`, before the database is asked again
   */
  async resolveInTurns(
    selector: Selector,
    range: TimeRange,
    type?: string,
    signal?: AbortSignal,
  ): Promise<readonly SeriesSpan[]> {
    const found: SeriesSpan[] = [];
    const match = this.#matching(selector, range, (span) => found.push(span));
    let until = performance.now() + TURN_MS;
    for (const [at, row] of this.#rows(range, type).entries()) {
      match(row);
      if (at % ROWS_A_LOOK !== 0 || performance.now() < until) continue;
      await turn();
      signal?.throwIfAborted();
      until = performance.now() + TURN_MS;
    }
    return found;
  }

  /** As `resolveInTurns`. */
  async labelNamesInTurns(selector: Selector, range: TimeRange, signal?: AbortSignal): Promise<readonly string[]> {
    return namesOf(await this.resolveInTurns(selector, range, undefined, signal));
  }

  /** As `resolveInTurns`. */
  async labelValuesInTurns(
    name: string,
    selector: Selector,
    range: TimeRange,
    limit: number,
    signal?: AbortSignal,
  ): Promise<LabelValues> {
    return valuesOf(await this.resolveInTurns(selector, range, undefined, signal), name, limit);
  }

  /** Forgets series without samples since `time`, for none of theirs are left; and a day later who they were. */
  forgetBefore(time: number): void {
    this.#inTransaction(() => {
      for (const key of this.#series.forgetBefore(time)) this.#spans.delete(key);
      let used: ReadonlySet<string> | undefined;
      this.identity.forgetBefore(time, (key) => (used ??= this.#usedKeys()).has(nameOf(key)));
    });
  }

  /**
   * Writes all that is not written yet, in a transaction of its own unless one is under way. Cheap where there is nothing.
   * @throws StoreError "unavailable" where the database can't be written; it is all tried again next time
   */
  save(): void {
    this.#inTransaction(() => {
      this.#types.save();
      this.#series.save();
      this.identity.save();
    });
    this.#types.saved();
    this.#series.saved();
    this.identity.saved();
  }

  #inTransaction(work: () => void): void {
    const begins = !this.#database.isTransaction;
    try {
      if (begins) this.#database.exec("BEGIN IMMEDIATE");
      work();
      if (begins) this.#database.exec("COMMIT");
    } catch (error) {
      if (begins && this.#database.isTransaction) this.#database.exec("ROLLBACK");
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError("unavailable", `the store's catalogue can't be written: ${reason}; is the disk full?`, {
        cause: error,
      });
    }
  }

  #rows(range: TimeRange, type: string | undefined): readonly SeriesRow[] {
    const types = type === undefined ? undefined : new Set(this.#types.ofId(type).map(({ number }) => number));
    return this.#series.within(range, types);
  }

  /** What hands over the spans of a series that match. */
  #matching(selector: Selector, range: TimeRange, visit: (span: SeriesSpan) => unknown): (row: SeriesRow) => void {
    const holds = compileSelector(selector);
    return (row) => {
      for (const { from, to, labels } of this.#named(row).spans) {
        if (from >= range.to || to <= range.from || !holds(labels)) continue;
        visit({ series: row.number, from: Math.max(from, range.from), to: Math.min(to, range.to), labels });
      }
    };
  }

  #named(row: SeriesRow): CachedSpans {
    const cached = this.#spans.get(row.key);
    if (cached?.own === row.own && !this.identity.hasChanged(cached.keys, cached.moment)) return cached;
    const made = { own: row.own, moment: this.identity.moment, ...labelSpans(row, this.identity) };
    this.#spans.set(row.key, made);
    return made;
  }

  #usedKeys(): ReadonlySet<string> {
    const used = new Set<string>();
    for (const row of this.#series.all()) {
      for (const key of this.#named(row).keys) used.add(nameOf(key));
    }
    return used;
  }
}

function namesOf(spans: readonly SeriesSpan[]): readonly string[] {
  const names = new Set<string>();
  for (const { labels } of spans) for (const name of labels.keys()) names.add(name);
  return [...names].sort();
}

function valuesOf(spans: readonly SeriesSpan[], name: string, limit: number): LabelValues {
  const values = new Set<string>();
  for (const { labels } of spans) {
    const value = labels.get(name);
    if (value !== undefined) values.add(value);
  }
  const sorted = [...values].sort();
  return { values: sorted.slice(0, limit), truncated: sorted.length > limit };
}

/** Lets others run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function containerKey(value: string): IdentityKey {
  return { kind: "container.id", value };
}
