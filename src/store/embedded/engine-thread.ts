import { Worker } from "node:worker_threads";
import { StoreError } from "../profile-store.ts";
import {
  type AppendColumn,
  cancelled,
  type Engine,
  engineClosed,
  type EngineSettings,
  type ReadChunk,
} from "./duckdb.ts";
import type { FromEngine, Numbers, ToEngine } from "./engine-worker.ts";

/** Bounds of the thread's own JavaScript, megabytes: it only hands columns over. */
const HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };
/** How long the end of the process waits for the thread to leave its work. */
const EXIT_MS = 2000;
/** Batches to append that are on their way. */
const MAX_APPENDED = 2;

/** The thread of all engines of this process; undefined where there is none yet, or it ended. */
let thread: EngineThread | undefined;

/**
 * Opens a database whose work is done by another thread of this process: rows come and go in large batches, so that a
 * question costs this thread a few turns, however busy it is. One thread serves all databases of the process.
 */
export async function openEngineThread(settings: EngineSettings): Promise<Engine> {
  return new RemoteEngine(settings, await openDatabase(settings));
}

/** A database of the thread. */
interface Database {
  readonly thread: EngineThread;
  readonly engine: number;
}

async function openDatabase(settings: EngineSettings): Promise<Database> {
  // Two that begin at once must not start two threads.
  const { moduleUrl } = await import("./engine-worker.ts");
  const own = (thread ??= new EngineThread(moduleUrl, () => (thread = undefined)));
  return { thread: own, engine: await own.open(settings) };
}

/** Something that was asked for and hasn't ended. */
interface Call {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  batch?(columns: readonly (Numbers | readonly string[])[], length: number): void;
  appended?(): void;
}

class EngineThread {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  #next = 1;
  #failure: StoreError | undefined;

  /** @param ended called when the thread can't be used any more */
  constructor(moduleUrl: string, ended: () => void) {
    // Both from sources and from a bundle, of which the module is a part.
    const code = `import(${JSON.stringify(moduleUrl)}).then(({ runEngines }) => runEngines())`;
    this.#worker = new Worker(code, { eval: true, execArgv: [], resourceLimits: HEAP, name: "store-engine" });
    // Only what is under way keeps the process alive.
    this.#worker.unref();
    this.#worker.on("message", (message: FromEngine) => this.#hear(message));
    const leave = (): void => this.#leave();
    process.on("exit", leave);
    const fail = (why: string, cause?: unknown): void => {
      process.off("exit", leave);
      ended();
      this.#failure ??= new StoreError("unavailable", `the thread of the database engine ended: ${why}`, { cause });
      for (const { reject } of this.#calls.values()) reject(this.#failure);
      this.#calls.clear();
    };
    this.#worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error), error));
    this.#worker.on("exit", (status) => fail(`status ${status}`));
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** Opens a database, and gives its number. */
  async open(settings: EngineSettings): Promise<number> {
    const engine = this.#next++;
    await this.call({ kind: "open", engine, settings }).done;
    return engine;
  }

  /** Asks for something. */
  call(
    message: DistributiveOmit<Extract<ToEngine, { readonly engine: number }>, "call">,
    listen: Pick<Call, "batch" | "appended"> = {},
  ): { readonly number: number; readonly done: Promise<void> } {
    const number = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#failure) reject(this.#failure);
    else {
      if (this.#calls.size === 0) this.#worker.ref();
      this.#calls.set(number, { resolve, reject, ...listen });
      this.send({ ...message, call: number });
    }
    return { number, done: promise };
  }

  send(message: ToEngine, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** The process ends, which waits for what the library does, be it hours: so it's interrupted. */
  #leave(): void {
    if (this.#calls.size === 0) return;
    const ended = new Int32Array(new SharedArrayBuffer(4));
    this.send({ kind: "exit", call: 0, ended });
    Atomics.wait(ended, 0, 0, EXIT_MS);
  }

  #hear(message: FromEngine): void {
    const call = this.#calls.get(message.call);
    if (!call) return;
    if (message.kind === "batch") return call.batch?.(message.columns, message.length);
    if (message.kind === "appended") return call.appended?.();
    this.#calls.delete(message.call);
    if (this.#calls.size === 0) this.#worker.unref();
    if (message.kind === "done") return call.resolve();
    call.reject(message.error ? new StoreError(message.error, message.message) : new Error(message.message));
  }
}

/** A database that is opened anew, by another thread, where the one that had it has ended: what it holds is for one call. */
class RemoteEngine implements Engine {
  readonly #settings: EngineSettings;
  #database: Database;
  #opening: Promise<Database> | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: EngineSettings, database: Database) {
    this.#settings = settings;
    this.#database = database;
  }

  async execute(...statements: readonly string[]): Promise<void> {
    const { thread: at, engine } = await this.#opened();
    await at.call({ kind: "execute", engine, statements }).done;
  }

  async read(sql: string, each: (chunk: ReadChunk) => void, signal?: AbortSignal): Promise<void> {
    const { thread: at, engine } = await this.#opened();
    if (isAborted(signal)) throw cancelled();
    let failure: unknown;
    const stop = (): void => at.send({ kind: "abort", call: number });
    const { number, done } = at.call(
      { kind: "read", engine, sql },
      {
        batch: (columns, length) => {
          try {
            if (failure === undefined && !isAborted(signal)) each(new Batch(columns, length));
          } catch (error) {
            failure = error;
            stop();
          }
          const numbers = columns.filter(isNumbers);
          at.send(
            { kind: "taken", call: number, columns: numbers },
            numbers.map(({ buffer }) => buffer),
          );
        },
      },
    );
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await done;
    } catch (error) {
      throw failure ?? error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    // It may have ended before it heard of that.
    if (failure !== undefined) throw failure;
    if (isAborted(signal)) throw cancelled();
  }

  async append(table: string, batches: Iterable<readonly AppendColumn[]>): Promise<void> {
    const { thread: at, engine } = await this.#opened();
    let underway = 0;
    let wake: (() => void) | undefined;
    const appended = (): void => {
      underway--;
      wake?.();
    };
    const { number, done } = at.call({ kind: "append", engine, table }, { appended });
    let isOver = false;
    const over = done.finally(() => {
      isOver = true;
      wake?.();
    });
    // It's awaited below, but may fail before.
    over.catch(() => undefined);
    try {
      for (const columns of batches) {
        // Copied: what is handed over is no longer here.
        const copies = columns.map((column) => (Array.isArray(column) ? column : column.slice()) as AppendColumn);
        const buffers = copies.filter(isNumbers).map(({ buffer }) => buffer);
        at.send({ kind: "rows", call: number, columns: copies }, buffers);
        for (underway++; underway >= MAX_APPENDED && !isOver;) {
          await new Promise<void>((resolve) => (wake = resolve));
        }
        if (isOver) break;
      }
      at.send({ kind: "rows", call: number, columns: undefined });
    } catch (error) {
      at.send({ kind: "abort", call: number });
      await over.catch(() => undefined);
      throw error;
    }
    await over;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    const { thread: at, engine } = this.#database;
    if (!at.hasEnded) await at.call({ kind: "close", engine }).done;
  }

  async #opened(): Promise<Database> {
    if (this.#closing) throw engineClosed();
    if (!this.#database.thread.hasEnded) return this.#database;
    this.#opening ??= openDatabase(this.#settings).finally(() => (this.#opening = undefined));
    this.#database = await this.#opening;
    return this.#database;
  }
}

class Batch implements ReadChunk {
  readonly #columns: readonly (Numbers | readonly string[])[];
  readonly length: number;

  constructor(columns: readonly (Numbers | readonly string[])[], length: number) {
    this.#columns = columns;
    this.length = length;
  }

  get columns(): number {
    return this.#columns.length;
  }

  isText(column: number): boolean {
    return Array.isArray(this.#columns[column]);
  }

  numbers(column: number): Numbers {
    return (this.#columns[column] as Numbers).subarray(0, this.length);
  }

  text(column: number, row: number): string {
    return (this.#columns[column] as readonly string[])[row]!;
  }
}

/** Asked anew: it may have happened while something was awaited. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function isNumbers(column: AppendColumn | Numbers): column is Numbers {
  return ArrayBuffer.isView(column);
}

/** `Omit` for each member of a union. */
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
