import type * as duckdb from "@duckdb/node-api";
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBVector } from "@duckdb/node-api";
import { StoreError } from "../profile-store.ts";

/** How much an engine may take. */
export interface EngineSettings {
  /** Of its buffers; the process needs 100 to 200 MB beyond it. What doesn't fit is spilled. */
  readonly memoryBytes: number;
  readonly threads: number;
  /** A folder of its own: two engines with the same one break each other. */
  readonly spillDirectory: string;
}

/** A column to append. Texts are slow: one call each. */
export type AppendColumn = Uint32Array | Float64Array | readonly string[];

/** Columns of rows that were read, valid until the next are handed over. */
export interface ReadChunk {
  readonly length: number;
  readonly columns: number;
  isText(column: number): boolean;
  /** The first `length` count. */
  numbers(column: number): Uint32Array | Float64Array;
  text(column: number, row: number): string;
}

/** What the store does with a database in memory that reads and writes Parquet files. */
export interface Engine {
  /** Runs statements one after the other on one connection. */
  execute(...statements: readonly string[]): Promise<void>;
  /** Runs a question and hands over its rows as they come. `signal` ends it, also in the middle. */
  read(sql: string, each: (chunk: ReadChunk) => void, signal?: AbortSignal): Promise<void>;
  /** Appends rows to a table; columns must be as long as one another and of the table's types. */
  append(table: string, batches: Iterable<readonly AppendColumn[]>): Promise<void>;
  /** Ends what is under way, and closes the database. */
  close(): Promise<void>;
}

/** Rows of a chunk, DuckDB's own constant. */
export const CHUNK_ROWS = 2048;
/** Chunks appended before others may run: about 2 ms. */
const CHUNKS_PER_TURN = 16;
/** Idle connections that are kept for the next question. */
const MAX_IDLE = 4;

/** Until a question that was interrupted has ended, it is again. */
const INTERRUPT_MS = 20;

type Library = typeof duckdb;

/** DuckDB in this thread. Loaded on first use, because the library costs 230 ms and 70 MB. */
export class DuckDb implements Engine {
  readonly #library: Library;
  readonly #instance: DuckDBInstance;
  readonly #idle: DuckDBConnection[] = [];
  readonly #lent = new Set<Promise<unknown>>();
  readonly #closed = new AbortController();

  private constructor(library: Library, instance: DuckDBInstance) {
    this.#library = library;
    this.#instance = instance;
  }

  static async open({ memoryBytes, threads, spillDirectory }: EngineSettings): Promise<DuckDb> {
    const library = await import("@duckdb/node-api");
    const instance = await library.DuckDBInstance.create(":memory:", {
      memory_limit: `${Math.ceil(memoryBytes / 1e6)}MB`,
      threads: String(threads),
      temp_directory: spillDirectory,
      preserve_insertion_order: "false",
      // Nothing is fetched from anywhere.
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    const engine = new DuckDb(library, instance);
    // What a flush or a question took goes back to the system at once, and isn't kept for the next.
    await engine.execute(
      "SET parquet_metadata_cache = true",
      "SET allocator_flush_threshold = '1MB'",
      "SET allocator_bulk_deallocation_flush_threshold = '1MB'",
      "SET allocator_background_threads = true",
    );
    return engine;
  }

  async execute(...statements: readonly string[]): Promise<void> {
    await this.#lend(async (connection) => {
      for (const sql of statements) await connection.run(sql);
    });
  }

  /** @param each may take its time: the next rows wait for it */
  async read(sql: string, each: (chunk: ReadChunk) => unknown, signal?: AbortSignal): Promise<void> {
    const ended = signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal;
    await this.#lend(async (connection) => {
      if (ended.aborted) throw cancelled();
      let again: NodeJS.Timeout | undefined;
      // What is interrupted before it has begun doesn't notice.
      const stop = (): void => {
        connection.interrupt();
        again = setInterval(() => connection.interrupt(), INTERRUPT_MS);
      };
      ended.addEventListener("abort", stop, { once: true });
      try {
        const result = await connection.stream(sql);
        for (;;) {
          const chunk = await result.fetchChunk();
          if (ended.aborted) throw cancelled();
          const rows = chunk?.rowCount ?? 0;
          if (!chunk || rows === 0) return;
          const taken = each(new Chunk(chunk, rows));
          if (taken instanceof Promise) await taken;
        }
      } catch (error) {
        throw ended.aborted ? cancelled(error) : error;
      } finally {
        clearInterval(again);
        ended.removeEventListener("abort", stop);
      }
    });
  }

  async append(
    table: string,
    batches: Iterable<readonly AppendColumn[]> | AsyncIterable<readonly AppendColumn[]>,
  ): Promise<void> {
    const { DuckDBDataChunk: Chunks } = this.#library;
    await this.#lend(async (connection) => {
      const appender = await connection.createAppender(table);
      try {
        let chunks = 0;
        // One for all rows: chunks hold memory that JavaScript knows nothing of, and so frees late.
        let chunk: DuckDBDataChunk | undefined;
        for await (const columns of batches) {
          chunk ??= Chunks.create(columns.map((column) => this.#typeOf(column)));
          const rows = columns[0]!.length;
          for (let start = 0; start < rows; start += CHUNK_ROWS) {
            const end = Math.min(rows, start + CHUNK_ROWS);
            chunk.reset();
            chunk.rowCount = end - start;
            for (const [at, column] of columns.entries()) fill(chunk.getColumnVector(at), column, start, end);
            appender.appendDataChunk(chunk);
            if (++chunks % CHUNKS_PER_TURN === 0) await turn();
          }
        }
      } finally {
        appender.closeSync();
      }
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.allSettled(this.#lent);
    for (const connection of this.#idle.splice(0)) connection.closeSync();
    this.#instance.closeSync();
  }

  async #lend<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#closed.signal.aborted) throw engineClosed();
    const lent = this.#use(use);
    this.#lent.add(lent);
    try {
      return await lent;
    } finally {
      this.#lent.delete(lent);
    }
  }

  async #use<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = this.#idle.pop() ?? (await this.#instance.connect());
    let isGood = false;
    try {
      const result = await use(connection);
      isGood = true;
      return result;
    } finally {
      if (isGood && this.#idle.length < MAX_IDLE && !this.#closed.signal.aborted) this.#idle.push(connection);
      else connection.closeSync();
    }
  }

  #typeOf(column: AppendColumn) {
    if (column instanceof Uint32Array) return this.#library.UINTEGER;
    return column instanceof Float64Array ? this.#library.DOUBLE : this.#library.VARCHAR;
  }
}

class Chunk implements ReadChunk {
  readonly #chunk: DuckDBDataChunk;
  /** Asking the library each time costs more than reading a row. */
  readonly length: number;

  constructor(chunk: DuckDBDataChunk, length: number) {
    this.#chunk = chunk;
    this.length = length;
  }

  get columns(): number {
    return this.#chunk.columnCount;
  }

  isText(column: number): boolean {
    return !ArrayBuffer.isView(itemsOf(this.#chunk.getColumnVector(column)));
  }

  numbers(column: number): Uint32Array | Float64Array {
    return itemsOf(this.#chunk.getColumnVector(column));
  }

  text(column: number, row: number): string {
    return this.#chunk.getColumnVector(column).getItem(row) as string;
  }
}

function fill(vector: DuckDBVector, column: AppendColumn, start: number, end: number): void {
  if (Array.isArray(column)) for (let at = start; at < end; at++) vector.setItem(at - start, column[at] as string);
  else itemsOf(vector).set((column as Uint32Array).subarray(start, end));
  vector.flush();
}

/** Whole columns at once: one call a number is three times as slow. */
function itemsOf(vector: DuckDBVector): Uint32Array | Float64Array {
  return (vector as unknown as { readonly items: Uint32Array | Float64Array }).items;
}

export function engineClosed(): StoreError {
  return new StoreError("unavailable", "the store is closed");
}

export function cancelled(cause?: unknown): StoreError {
  return new StoreError("cancelled", "the query was cancelled", { cause });
}

/** Lets others run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A text as SQL says it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list of files as `read_parquet` takes it. Never globs: a file that is not in the catalogue is not there. */
export function parquet(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoted).join(", ")}])`;
}
