import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Logger } from "#telemetry";
import { INTERNAL_ORIGIN, type Origin, type Payload, SIGNALS } from "#otlp";
import { errorFrom, type QueueStore, type StoredEntry, type StoredPayload } from "#collector";

/** How a file is opened. */
export interface SqliteQueueOptions {
  readonly lockTimeoutMs: number;
  readonly fsync: boolean;
}

/** Written into the file (`user_version`), so that a later layout can be told from this one. */
const SCHEMA_VERSION = 1;
/** Free space that an empty queue keeps for reuse before it gives it back: 16 MiB in pages of 4 KiB. */
const KEPT_FREE_PAGES = 4096;

/**
 * The payloads of one queue in an SQLite file of write-ahead log. A row is there from `append` to `remove`; what was
 * committed survives the process however it ends, with `fsync` the machine as well.
 */
export class SqliteQueueStore implements QueueStore {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  #count = 0;

  /** Throws where the file can't be opened, is in use by another process, or isn't such a file. */
  constructor(path: string, logger: Logger, options: SqliteQueueOptions) {
    this.#path = path;
    this.#logger = logger;
    this.#database = new DatabaseSync(path, { timeout: options.lockTimeoutMs });
    try {
      this.#prepareFile(options);
      this.#insert = this.#database.prepare("INSERT INTO queue (signal, origin, items, bytes) VALUES (?, ?, ?, ?)");
      this.#select = this.#database.prepare("SELECT signal, origin, bytes FROM queue WHERE key = ?");
      this.#delete = this.#database.prepare("DELETE FROM queue WHERE key = ?");
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  entries(): readonly StoredEntry[] {
    const rows = this.#database
      .prepare("SELECT key, signal, items, length(bytes) AS sizeBytes FROM queue ORDER BY key")
      .all();
    this.#count = rows.length;
    return rows.map((row) => ({
      key: Number(row["key"]),
      signal: SIGNALS.find((signal) => signal === row["signal"]) ?? "traces",
      items: Number(row["items"]),
      sizeBytes: Number(row["sizeBytes"]),
    }));
  }

  append(payload: Payload): number {
    const { signal, origin, items, bytes } = payload;
    const { lastInsertRowid } = this.#insert.run(signal, JSON.stringify(origin), items, bytes);
    this.#count++;
    return Number(lastInsertRowid);
  }

  read(key: number): StoredPayload | undefined {
    try {
      const row = this.#select.get(key);
      const signal = SIGNALS.find((known) => known === row?.["signal"]);
      if (!row || !signal || !(row["bytes"] instanceof Uint8Array)) return undefined;
      return { signal, origin: originFrom(row["origin"]), bytes: row["bytes"] };
    } catch (error) {
      this.#logger.error("stored request cannot be read", { path: this.#path, key, error: errorFrom(error) });
      return undefined;
    }
  }

  remove(key: number): void {
    try {
      this.#delete.run(key);
      if (--this.#count === 0) this.#returnFreeSpace();
    } catch (error) {
      this.#logger.error("stored request cannot be removed, it will be sent again after a restart", {
        path: this.#path,
        key,
        error: errorFrom(error),
      });
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepareFile({ fsync }: SqliteQueueOptions): void {
    // Exclusive: two processes that drain one queue would send everything twice. auto_vacuum only takes effect before
    // the first table is made. In WAL mode NORMAL loses nothing when the process dies, FULL nothing when the power does.
    this.#database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${fsync ? "FULL" : "NORMAL"};
      PRAGMA journal_size_limit = 67108864;
    `);
    const version = this.#database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version !== 0 && version !== SCHEMA_VERSION) {
      throw new Error(`${this.#path} was written by another version of podflame (layout ${String(version)})`);
    }
    this.#database.exec(`
      BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS queue (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        signal TEXT NOT NULL,
        origin TEXT NOT NULL,
        items INTEGER NOT NULL,
        bytes BLOB NOT NULL
      );
      PRAGMA user_version = ${SCHEMA_VERSION};
      COMMIT;
    `);
  }

  #returnFreeSpace(): void {
    const free = this.#database.prepare("PRAGMA freelist_count").get()?.["freelist_count"];
    if (Number(free) > KEPT_FREE_PAGES) this.#database.exec("PRAGMA incremental_vacuum");
  }
}

function originFrom(json: unknown): Origin {
  const origin = JSON.parse(String(json)) as unknown;
  return origin !== null && typeof origin === "object" && "protocol" in origin ? (origin as Origin) : INTERNAL_ORIGIN;
}
