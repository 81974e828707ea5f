import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { StoreError } from "../profile-store.ts";

/** What a file of a block holds; see block-files.ts for the columns. */
export type BlockFileKind = "rows" | "activity" | "totals" | "events";

export interface BlockFile {
  readonly kind: BlockFileKind;
  /** From the store's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly crc: number;
}

/** Samples of a stretch of time in one tier. Immutable; what replaces it is another block. */
export interface Block {
  readonly id: number;
  /** Says what is in it: the same data twice has the same token, and is refused. */
  readonly token: string;
  /** Seconds of a bucket: the tier. */
  readonly step: number;
  /** How often it was merged. */
  readonly level: number;
  /** Milliseconds, whole buckets; `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Whether the coarser tiers have its samples as well. */
  readonly isRolled: boolean;
  readonly isDamaged: boolean;
  readonly files: readonly BlockFile[];
}

/** Tables of names, in files of their own. */
export type NamesKind = "nodes" | "frames" | "texts";

export interface NamesFile {
  readonly kind: NamesKind;
  readonly path: string;
  /** Numbers in it, `end` exclusive. */
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Which home each series has, and which type. */
export interface SeriesHome {
  readonly series: number;
  readonly home: number;
  readonly type: number;
}

/** One step of the store's life: all of it holds, or nothing. */
export interface Change {
  readonly addBlocks?: readonly Omit<Block, "id" | "isDamaged">[];
  readonly removeBlocks?: readonly Block[];
  readonly markRolled?: readonly Block[];
  readonly markDamaged?: readonly Block[];
  readonly dropFiles?: readonly BlockFile[];
  readonly addNames?: readonly NamesFile[];
  readonly removeNames?: readonly NamesFile[];
  readonly addHomes?: readonly { readonly home: number; readonly key: string }[];
  readonly addSeriesHomes?: readonly SeriesHome[];
  /** The journal is in blocks up to this segment. */
  readonly journalSegment?: number;
  /** By tier: data before this time may be missing. */
  readonly horizons?: ReadonlyMap<number, number>;
}

/** 2: files of names may have free numbers. */
const SCHEMA_VERSION = 2;

/**
 * What files there are and what is in them: tables beside those of the series, in one SQLite database. Only what stands
 * here exists; other files in the folder are left over and go at the next start.
 */
export class Catalogue {
  readonly #database: DatabaseSync;
  #blocks = new Map<number, Block>();
  #ordered: readonly Block[] = [];
  #names: NamesFile[] = [];
  readonly horizons = new Map<number, number>();
  #journalSegment = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(`
      CREATE TABLE IF NOT EXISTS store_value (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS block (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        token TEXT NOT NULL UNIQUE,
        step INTEGER NOT NULL,
        level INTEGER NOT NULL,
        from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        rolled INTEGER NOT NULL,
        damaged INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE TABLE IF NOT EXISTS block_file (
        path TEXT PRIMARY KEY,
        block INTEGER NOT NULL REFERENCES block (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS names_file (
        path TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        first INTEGER NOT NULL,
        "end" INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS home (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
      CREATE TABLE IF NOT EXISTS series_home (
        series INTEGER PRIMARY KEY,
        home INTEGER NOT NULL,
        type INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS horizon (step INTEGER PRIMARY KEY, before_ms INTEGER NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS block_file_block ON block_file (block);
    `);
    this.#checkVersion();
    this.#load();
  }

  /** The oldest first; as they are now, whatever changes later. */
  get blocks(): readonly Block[] {
    return this.#ordered;
  }

  get names(): readonly NamesFile[] {
    return this.#names;
  }

  get journalSegment(): number {
    return this.#journalSegment;
  }

  block(id: number): Block | undefined {
    return this.#blocks.get(id);
  }

  homes(): readonly { readonly home: number; readonly key: string }[] {
    const rows = this.#database.prepare("SELECT number, key FROM home ORDER BY number").all();
    return rows.map((row) => ({ home: Number(row["number"]), key: String(row["key"]) }));
  }

  /** With the times of its first and last sample, as `SeriesCatalog` has saved them. Series that it forgot are gone. */
  seriesHomes(): readonly (SeriesHome & { readonly first: number; readonly last: number })[] {
    const rows = this.#database
      .prepare(
        "SELECT s.series, s.home, s.type, n.first, n.last FROM series_home s JOIN series n ON n.number = s.series",
      )
      .all();
    return rows.map((row) => ({
      series: Number(row["series"]),
      home: Number(row["home"]),
      type: Number(row["type"]),
      first: row["first"] === null ? Infinity : Number(row["first"]),
      last: row["last"] === null ? -Infinity : Number(row["last"]),
    }));
  }

  /** All paths that exist, from the store's folder. */
  paths(): ReadonlySet<string> {
    const paths = new Set(this.#names.map(({ path }) => path));
    for (const { files } of this.#blocks.values()) for (const { path } of files) paths.add(path);
    return paths;
  }

  /**
   * Applies a change and waits until the disk has it. A block whose token is there already is not added again.
   * @throws StoreError "unavailable": nothing has changed
   */
  commit(change: Change): void {
    const database = this.#database;
    try {
      // Files are about to be removed, or the journal: that must not come before this is on disk.
      database.exec("PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
      this.#write(change);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError("unavailable", `the store's catalogue can't be written: ${reason}`, { cause: error });
    } finally {
      database.exec("PRAGMA synchronous = NORMAL");
    }
    this.#load();
  }

  #write(change: Change): void {
    const run = (
      sql: string,
      ...values: SQLInputValue[]
    ): { lastInsertRowid: number | bigint; changes: number | bigint } => this.#database.prepare(sql).run(...values);
    for (const block of change.removeBlocks ?? []) {
      run("DELETE FROM block_file WHERE block = ?", block.id);
      run("DELETE FROM block WHERE id = ?", block.id);
    }
    for (const { token, step, level, from, to, rows, isRolled, files } of change.addBlocks ?? []) {
      const added = run(
        "INSERT INTO block (token, step, level, from_ms, to_ms, rows, rolled) VALUES (?, ?, ?, ?, ?, ?, ?) " +
          "ON CONFLICT (token) DO NOTHING",
        token,
        step,
        level,
        from,
        to,
        rows,
        isRolled ? 1 : 0,
      );
      if (Number(added.changes) === 0) continue;
      for (const { path, kind, bytes, crc } of files) {
        run("INSERT INTO block_file VALUES (?, ?, ?, ?, ?)", path, added.lastInsertRowid, kind, bytes, crc);
      }
    }
    for (const { id } of change.markRolled ?? []) run("UPDATE block SET rolled = 1 WHERE id = ?", id);
    for (const { id } of change.markDamaged ?? []) run("UPDATE block SET damaged = 1 WHERE id = ?", id);
    for (const { path } of change.dropFiles ?? []) run("DELETE FROM block_file WHERE path = ?", path);
    for (const { path } of change.removeNames ?? []) run("DELETE FROM names_file WHERE path = ?", path);
    for (const { path, kind, first, end, bytes, crc } of change.addNames ?? []) {
      run("INSERT INTO names_file VALUES (?, ?, ?, ?, ?, ?)", path, kind, first, end, bytes, crc);
    }
    for (const { home, key } of change.addHomes ?? []) run("INSERT OR REPLACE INTO home VALUES (?, ?)", home, key);
    for (const { series, home, type } of change.addSeriesHomes ?? []) {
      run("INSERT OR REPLACE INTO series_home VALUES (?, ?, ?)", series, home, type);
    }
    for (const [step, before] of change.horizons ?? []) {
      run("INSERT INTO horizon VALUES (?1, ?2) ON CONFLICT DO UPDATE SET before_ms = max(before_ms, ?2)", step, before);
    }
    if (change.journalSegment !== undefined) {
      run("INSERT OR REPLACE INTO store_value VALUES ('journal_segment', ?)", change.journalSegment);
    }
  }

  #checkVersion(): void {
    const row = this.#database.prepare("SELECT value FROM store_value WHERE name = 'schema'").get();
    const version = row === undefined ? undefined : Number(row["value"]);
    if (version === undefined || version === 1) {
      this.#database.prepare("INSERT OR REPLACE INTO store_value VALUES ('schema', ?)").run(SCHEMA_VERSION);
    } else if (version !== SCHEMA_VERSION) {
      throw new StoreError(
        "unavailable",
        `the store has version ${version}, and this podflame knows ${SCHEMA_VERSION}; use the one that wrote it`,
      );
    }
  }

  #load(): void {
    const files = new Map<number, BlockFile[]>();
    for (const row of this.#database.prepare("SELECT * FROM block_file ORDER BY path").all()) {
      const block = Number(row["block"]);
      const file: BlockFile = {
        kind: String(row["kind"]) as BlockFileKind,
        path: String(row["path"]),
        bytes: Number(row["bytes"]),
        crc: Number(row["crc"]),
      };
      const known = files.get(block);
      if (known) known.push(file);
      else files.set(block, [file]);
    }
    this.#blocks = new Map(
      this.#database
        .prepare("SELECT * FROM block ORDER BY from_ms, id")
        .all()
        .map((row) => {
          const id = Number(row["id"]);
          const block: Block = {
            id,
            token: String(row["token"]),
            step: Number(row["step"]),
            level: Number(row["level"]),
            from: Number(row["from_ms"]),
            to: Number(row["to_ms"]),
            rows: Number(row["rows"]),
            isRolled: row["rolled"] === 1,
            isDamaged: row["damaged"] === 1,
            files: files.get(id) ?? [],
          };
          return [id, block];
        }),
    );
    this.#ordered = [...this.#blocks.values()];
    this.#names = this.#database
      .prepare("SELECT * FROM names_file ORDER BY kind, first")
      .all()
      .map((row) => ({
        kind: String(row["kind"]) as NamesKind,
        path: String(row["path"]),
        first: Number(row["first"]),
        end: Number(row["end"]),
        bytes: Number(row["bytes"]),
        crc: Number(row["crc"]),
      }));
    for (const row of this.#database.prepare("SELECT * FROM horizon").all()) {
      this.horizons.set(Number(row["step"]), Number(row["before_ms"]));
    }
    const segment = this.#database.prepare("SELECT value FROM store_value WHERE name = 'journal_segment'").get();
    this.#journalSegment = segment === undefined ? 0 : Number(segment["value"]);
  }
}
