import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type IdentityEntry, type IdentityKey, StoreError } from "../profile-store.ts";
import { RecentMap } from "../recent-map.ts";
import { type Attributes, type HistoryEntry, KeyHistory } from "./key-history.ts";

/** Names outlive the data that they are of by so long: late requests and late knowledge still meet. */
const KEPT_LONGER_MS = 24 * 60 * 60 * 1000;
/** Histories in memory, some 2 KiB each: those that samples and news arrive for. */
const CACHED_KEYS = 5_000;
/** Keys whose last change is remembered. */
const REMEMBERED_CHANGES = 50_000;
/** Of one source for one key. A container whose names change more often than that is told no more of. */
const MAX_ENTRIES_PER_KEY = 256;

/** Keys that one call forgets at most, some 20 µs each: nobody is answered meanwhile. */
const FORGOTTEN_AT_ONCE = 10_000;

/** Sources as they stand in the table. */
const TOLD = 0;
const CARRIED = 1;

/**
 * Who containers, pods and addresses were over time, in a table of the store's catalogue. What is recorded counts at
 * once, and is written by `save`.
 */
export class IdentityHistory {
  readonly #database: DatabaseSync;
  readonly #maxEntries: number;
  readonly #now: () => number;
  readonly #recent = new RecentMap<string, KeyHistory>(CACHED_KEYS);
  /** Histories with entries that the table doesn't have yet, by name. */
  readonly #unsaved = new Map<string, Unsaved>();
  /** Moment of the last change by name of the key. What isn't there didn't change after `#forgottenAt`. */
  readonly #changes = new Map<string, number>();
  #forgottenAt = 0;
  #moment = 0;
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #lost = new Map<string, number>();
  /** Rows of the table, and what is to be written. */
  #entries: number;

  /** Makes its table where it isn't there yet. `now` tells the time in milliseconds. */
  constructor(database: DatabaseSync, maxEntries: number, now: () => number) {
    this.#database = database;
    this.#maxEntries = maxEntries;
    this.#now = now;
    database.exec(`
      CREATE TABLE IF NOT EXISTS identity (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        source INTEGER NOT NULL,
        valid_from INTEGER NOT NULL,
        valid_to INTEGER,
        told_at INTEGER NOT NULL,
        attributes TEXT NOT NULL,
        PRIMARY KEY (kind, value, source, valid_from)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS identity_told_at ON identity (told_at);
    `);
    this.#select = database.prepare(
      "SELECT source, valid_from, valid_to, attributes FROM identity WHERE kind = ? AND value = ? ORDER BY valid_from",
    );
    this.#upsert = database.prepare("INSERT OR REPLACE INTO identity VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#entries = Number(database.prepare("SELECT count(*) AS n FROM identity").get()!["n"]);
  }

  /** What was not remembered since the start, by reason. */
  get lost(): ReadonlyMap<string, number> {
    return this.#lost;
  }

  /** Entries that are held, on disk or on their way there. */
  get entries(): number {
    return this.#entries;
  }

  /** Grows with each change. */
  get moment(): number {
    return this.#moment;
  }

  /** Whether the history of one of the keys may have changed since a moment. */
  hasChanged(keys: readonly IdentityKey[], since: number): boolean {
    if (since === this.#moment) return false;
    return keys.some((key) => (this.#changes.get(nameOf(key)) ?? this.#forgottenAt) > since);
  }

  /**
   * Takes in what somebody who watches the cluster knows.
   * @throws StoreError "limit" where some had no room; the others are taken in
   */
  record(entries: readonly IdentityEntry[]): void {
    let refused: IdentityKey | undefined;
    for (const { key, validFrom, validTo, attributes } of entries) {
      const entry = { from: whole(validFrom), to: validTo === undefined ? Infinity : whole(validTo), attributes };
      if (entry.to <= entry.from && key.kind === "k8s.pod.ip") continue;
      const history = this.of(key);
      const isNew = !history.told.some(({ from }) => from === entry.from);
      if (isNew && !this.#hasRoom(history.told)) {
        refused ??= key;
        continue;
      }
      if (history.tell(entry)) this.#noteChange(nameOf(key));
      // What is told again unchanged is still true: it must not grow old.
      this.#toSave(history, TOLD, entry, isNew);
    }
    if (refused === undefined) return;
    throw new StoreError(
      "limit",
      `identity of ${refused.kind} ${refused.value} can't be kept: the history holds ${this.#entries} entries of at most ` +
        `${this.#maxEntries}, and ${MAX_ENTRIES_PER_KEY} of one key; raise limits::identity_entries or shorten the retention`,
    );
  }

  /** Takes in what a request said of a container on its way in. */
  carry(key: IdentityKey, attributes: Attributes, time: number): void {
    const history = this.of(key);
    const from = whole(time);
    const news = history.newsIn(attributes, from);
    if (news === undefined) return;
    const isNew = !history.carried.some((entry) => entry.from === from);
    if (isNew && !this.#hasRoom(history.carried)) return;
    this.#toSave(history, CARRIED, history.carry(news, from), isNew);
    this.#noteChange(nameOf(key));
  }

  /** The history of a key, which may be empty. */
  of(key: IdentityKey): KeyHistory {
    const name = nameOf(key);
    const known = this.#unsaved.get(name)?.history ?? this.#recent.get(name);
    if (known !== undefined) return known;
    const history = this.#read(key);
    this.#recent.set(name, history);
    return history;
  }

  /** Writes what is not written yet; the caller has begun a transaction. */
  save(): void {
    const toldAt = whole(this.#now());
    for (const { history, entries } of this.#unsaved.values()) {
      const { kind, value } = history.key;
      for (const { source, entry } of entries.values()) {
        const to = Number.isFinite(entry.to) ? entry.to : null;
        this.#upsert.run(kind, value, source, entry.from, to, toldAt, JSON.stringify([...entry.attributes]));
      }
    }
  }

  /** What was written is committed. */
  saved(): void {
    for (const [name, { history }] of this.#unsaved) this.#recent.set(name, history);
    this.#unsaved.clear();
  }

  /**
   * Forgets what can't name anything any more, now that no data from before `time` is left. Knowledge that was closed, or
   * that nobody told again, goes a day after the data it could name, unless `isUsed` says that a series has the key.
   */
  forgetBefore(time: number, isUsed: (key: IdentityKey) => boolean): void {
    const cutoff = whole(time - KEPT_LONGER_MS);
    const old = this.#database
      .prepare(
        `SELECT DISTINCT kind, value FROM identity
         WHERE told_at < ?1 AND valid_from < ?1 AND ifnull(valid_to, 0) < ?1 LIMIT ${FORGOTTEN_AT_ONCE}`,
      )
      .all(cutoff);
    const remove = this.#database.prepare(
      "DELETE FROM identity WHERE kind = ?1 AND value = ?2 AND told_at < ?3 AND valid_from < ?3 AND ifnull(valid_to, 0) < ?3",
    );
    for (const row of old) {
      const key = { kind: String(row["kind"]) as IdentityKey["kind"], value: String(row["value"]) };
      const name = nameOf(key);
      if (this.#unsaved.has(name) || isUsed(key)) continue;
      this.#entries -= Number(remove.run(key.kind, key.value, cutoff).changes);
      this.#recent.delete(name);
      this.#noteChange(name);
    }
  }

  #hasRoom(ofKey: readonly HistoryEntry[]): boolean {
    if (ofKey.length < MAX_ENTRIES_PER_KEY && this.#entries < this.#maxEntries) return true;
    const reason = ofKey.length < MAX_ENTRIES_PER_KEY ? "identity_entries" : "identity_entries_of_one_key";
    this.#lost.set(reason, (this.#lost.get(reason) ?? 0) + 1);
    return false;
  }

  #toSave(history: KeyHistory, source: number, entry: HistoryEntry, isRow: boolean): void {
    if (isRow) this.#entries++;
    const name = nameOf(history.key);
    const unsaved = this.#unsaved.get(name) ?? { history, entries: new Map<string, UnsavedEntry>() };
    unsaved.entries.set(`${source} ${entry.from}`, { source, entry });
    this.#unsaved.set(name, unsaved);
  }

  #noteChange(name: string): void {
    this.#moment++;
    if (this.#changes.size >= REMEMBERED_CHANGES) {
      this.#changes.clear();
      this.#forgottenAt = this.#moment;
    }
    this.#changes.set(name, this.#moment);
  }

  #read(key: IdentityKey): KeyHistory {
    const told: HistoryEntry[] = [];
    const carried: HistoryEntry[] = [];
    for (const row of this.#select.all(key.kind, key.value)) {
      const entry = {
        from: Number(row["valid_from"]),
        to: row["valid_to"] === null ? Infinity : Number(row["valid_to"]),
        attributes: new Map(JSON.parse(String(row["attributes"])) as [string, string][]),
      };
      (row["source"] === TOLD ? told : carried).push(entry);
    }
    return new KeyHistory(key, told, carried);
  }
}

interface Unsaved {
  readonly history: KeyHistory;
  /** By source and time. */
  readonly entries: Map<string, UnsavedEntry>;
}

interface UnsavedEntry {
  readonly source: number;
  readonly entry: HistoryEntry;
}

/** One text for each key, also for those who keep sets of keys. */
export function nameOf({ kind, value }: IdentityKey): string {
  return `${kind}\n${value}`;
}

/** Times stand in the table as integers. */
function whole(time: number): number {
  return Math.trunc(Math.min(Math.max(time, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER));
}
