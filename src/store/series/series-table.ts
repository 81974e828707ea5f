import type { DatabaseSync } from "node:sqlite";
import type { Attributes } from "../identity/key-history.ts";
import { StoreError, type TimeRange } from "../profile-store.ts";
import type { SeriesLimits } from "./series-limits.ts";
import type { Subject } from "./subject.ts";

/** A series as the catalogue holds it. */
export interface SeriesRow {
  readonly number: number;
  readonly type: number;
  /** Says who it is; the same for all types. */
  readonly key: string;
  readonly containerId: string;
  /** Shared by all series that have the same. */
  own: Attributes;
  /** Milliseconds, both inclusive; `first` is above `last` while there is nothing. */
  first: number;
  last: number;
}

/** Ids above it would be encoded by DuckDB in a way that other readers of Parquet add up wrongly. */
const MAX_NUMBER = 2 ** 31 - 1;
/** Distinct values of these are as many as there are series, which have a limit of their own. */
const IDENTIFYING = new Set(["container.id", "k8s.pod.uid", "k8s.pod.ip"]);

/** All series, in memory for questions and in a table for the next start. */
export class SeriesTable {
  readonly #database: DatabaseSync;
  readonly #limits: SeriesLimits;
  /** By type, then by key. */
  readonly #byKey = new Map<number, Map<string, SeriesRow>>();
  readonly #byNumber = new Map<number, SeriesRow>();
  readonly #unsaved = new Set<SeriesRow>();
  readonly #shared = new Map<string, Attributes>();
  /** By attribute. */
  readonly #values = new Map<string, Set<string>>();
  #lastNumber: number;

  /** Makes its tables where they aren't there yet. */
  constructor(database: DatabaseSync, limits: SeriesLimits) {
    this.#database = database;
    this.#limits = limits;
    database.exec(`
      CREATE TABLE IF NOT EXISTS series (
        number INTEGER PRIMARY KEY,
        type INTEGER NOT NULL,
        key TEXT NOT NULL,
        container_id TEXT NOT NULL,
        attributes TEXT NOT NULL,
        first INTEGER,
        last INTEGER
      ) STRICT;
      CREATE TABLE IF NOT EXISTS series_number (only_row INTEGER PRIMARY KEY CHECK (only_row = 0), last INTEGER NOT NULL) STRICT;
    `);
    for (const row of database.prepare("SELECT * FROM series").iterate()) {
      const own = this.#sharedBy(String(row["attributes"]));
      this.#add({
        number: Number(row["number"]),
        type: Number(row["type"]),
        key: String(row["key"]),
        containerId: String(row["container_id"]),
        own,
        first: row["first"] === null ? Infinity : Number(row["first"]),
        last: row["last"] === null ? -Infinity : Number(row["last"]),
      });
    }
    this.#lastNumber = Number(database.prepare("SELECT last FROM series_number").get()?.["last"] ?? 0);
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** The series of a type that a subject is, made if there is none. @throws StoreError "limit" */
  intern(type: number, subject: Subject): SeriesRow {
    const { key } = subject;
    const known = this.#byKey.get(type)?.get(key);
    if (known !== undefined) {
      this.#addAttributes(known, subject.own);
      return known;
    }
    this.#checkRoom(subject);
    const own = this.#sharedBy(JSON.stringify([...subject.own]));
    const row: SeriesRow = {
      number: ++this.#lastNumber,
      type,
      key,
      containerId: subject.containerId,
      own,
      first: Infinity,
      last: -Infinity,
    };
    this.#add(row);
    this.#unsaved.add(row);
    return row;
  }

  /** Widens the time of a series; returns its type. */
  seen(number: number, from: number, to: number): number | undefined {
    const row = this.#byNumber.get(number);
    if (row === undefined) return undefined;
    if (from < row.first || to > row.last) {
      row.first = Math.min(row.first, Math.floor(from));
      row.last = Math.max(row.last, Math.ceil(to));
      this.#unsaved.add(row);
    }
    return row.type;
  }

  /** Series with samples in a range, of all types or some. */
  within(range: TimeRange, types: ReadonlySet<number> | undefined): SeriesRow[] {
    const found: SeriesRow[] = [];
    for (const row of this.#byNumber.values()) {
      if (row.first < range.to && row.last >= range.from && types?.has(row.type) !== false) found.push(row);
    }
    return found;
  }

  all(): IterableIterator<SeriesRow> {
    return this.#byNumber.values();
  }

  /** Removes the series that have no samples from `time` on, and returns their keys. */
  forgetBefore(time: number): readonly string[] {
    const remove = this.#database.prepare("DELETE FROM series WHERE number = ?");
    const old = [...this.#byNumber.values()].filter(({ first, last }) => first <= last && last < time);
    for (const row of old) {
      this.#byKey.get(row.type)?.delete(row.key);
      this.#byNumber.delete(row.number);
      this.#unsaved.delete(row);
      remove.run(row.number);
    }
    if (old.length > 0) this.#recount();
    return old.map(({ key }) => key);
  }

  /** Writes what is not written yet; the caller has begun a transaction. */
  save(): void {
    if (this.#unsaved.size === 0) return;
    const upsert = this.#database.prepare("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (const { number, type, key, containerId, own, first, last } of this.#unsaved) {
      const [from, to] = first <= last ? [first, last] : [null, null];
      upsert.run(number, type, key, containerId, JSON.stringify([...own]), from, to);
    }
    this.#database.prepare("INSERT OR REPLACE INTO series_number VALUES (0, ?)").run(this.#lastNumber);
  }

  /** What was written is committed. */
  saved(): void {
    this.#unsaved.clear();
  }

  #add(row: SeriesRow): void {
    const ofType = this.#byKey.get(row.type) ?? new Map<string, SeriesRow>();
    this.#byKey.set(row.type, ofType.set(row.key, row));
    this.#byNumber.set(row.number, row);
    this.#count(row.own);
  }

  /** What an earlier request of the same container didn't say. What it said stays. */
  #addAttributes(row: SeriesRow, attributes: Attributes): void {
    let grown: Map<string, string> | undefined;
    for (const [name, value] of attributes) {
      if (row.own.has(name) || row.own.size + (grown?.size ?? 0) >= this.#limits.labelsPerSeries) continue;
      (grown ??= new Map(row.own)).set(name, value);
    }
    if (grown === undefined) return;
    row.own = this.#sharedBy(JSON.stringify([...grown]));
    this.#count(row.own);
    this.#unsaved.add(row);
  }

  #checkRoom({ own, carried }: Subject): void {
    const { series, labelsPerSeries, labelValues } = this.#limits;
    const refuse = (what: string, remedy: string): never => {
      throw new StoreError("limit", `${what}; ${remedy}`);
    };
    if (own.size + carried.size > labelsPerSeries) {
      refuse(
        `a resource has ${own.size + carried.size} attributes, ${labelsPerSeries} is the limit`,
        "remove some on the way here or raise limits::labels_per_series",
      );
    }
    if (this.#byNumber.size >= series || this.#lastNumber >= MAX_NUMBER) {
      refuse(
        `a new series can't be kept, ${Math.min(series, MAX_NUMBER)} is the limit`,
        "look for attributes of resources that change all the time, shorten the retention or raise limits::series",
      );
    }
    for (const [name, value] of own) {
      const values = this.#values.get(name);
      if (values === undefined || values.size < labelValues || values.has(value) || IDENTIFYING.has(name)) continue;
      refuse(
        `attribute ${name} has ${values.size} values already, so ${JSON.stringify(value.slice(0, 80))} can't be kept`,
        "remove the attribute on the way here (processor resource) or raise limits::label_values",
      );
    }
  }

  #sharedBy(json: string): Attributes {
    let attributes = this.#shared.get(json);
    if (attributes === undefined) {
      attributes = new Map(JSON.parse(json) as [string, string][]);
      this.#shared.set(json, attributes);
    }
    return attributes;
  }

  #count(own: Attributes): void {
    for (const [name, value] of own) {
      let values = this.#values.get(name);
      if (values === undefined) this.#values.set(name, (values = new Set()));
      values.add(value);
    }
  }

  /** After some went: counts what the rest have. */
  #recount(): void {
    this.#values.clear();
    this.#shared.clear();
    for (const row of this.#byNumber.values()) {
      row.own = this.#sharedBy(JSON.stringify([...row.own]));
      this.#count(row.own);
    }
  }
}
