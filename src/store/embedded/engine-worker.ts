import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort } from "node:worker_threads";
import { StoreError, type StoreErrorKind } from "../profile-store.ts";
import { type AppendColumn, CHUNK_ROWS, DuckDb, type EngineSettings, type ReadChunk } from "./duckdb.ts";

/** Numbers of a column as they are in memory. */
export type Numbers = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** What an engine's thread is told. `call` numbers what is under way, `engine` the database. */
export type ToEngine =
  | { readonly kind: "open"; readonly call: number; readonly engine: number; readonly settings: EngineSettings }
  | { readonly kind: "close"; readonly call: number; readonly engine: number }
  | { readonly kind: "execute"; readonly call: number; readonly engine: number; readonly statements: readonly string[] }
  | { readonly kind: "read"; readonly call: number; readonly engine: number; readonly sql: string }
  /** Gives the columns of a batch back. */
  | { readonly kind: "taken"; readonly call: number; readonly columns: readonly Numbers[] }
  | { readonly kind: "append"; readonly call: number; readonly engine: number; readonly table: string }
  /** Rows to append; none at the end. */
  | { readonly kind: "rows"; readonly call: number; readonly columns: readonly AppendColumn[] | undefined }
  | { readonly kind: "abort"; readonly call: number }
  /** The process ends: nothing may be at work then. */
  | { readonly kind: "exit"; readonly call: 0; readonly ended: Int32Array<SharedArrayBuffer> };

/** What it tells. */
export type FromEngine =
  | { readonly kind: "done"; readonly call: number }
  | { readonly kind: "failed"; readonly call: number; readonly message: string; readonly error?: StoreErrorKind }
  | {
      readonly kind: "batch";
      readonly call: number;
      readonly length: number;
      readonly columns: readonly (Numbers | readonly string[])[];
    }
  /** Rows were appended, so that further ones may come. */
  | { readonly kind: "appended"; readonly call: number };

/** Where this module is, for the thread that is to run it: bundled or not. */
export const moduleUrl = import.meta.url;

/** Rows handed over at once: whoever takes them may have time only now and then. */
const BATCH_ROWS = 16 * CHUNK_ROWS;
/** Texts may be long: a batch with more than that has no further chunk. */
const BATCH_CHARACTERS = 1 << 20;
/** Batches of a question that were not taken yet, some 0.5 MB each. */
const MAX_BATCHES = 3;
/** Appended batches that are worth 10 ms of collecting garbage: questions append one, of what they are about. */
const MANY_BATCHES = 4;

/** Something that was asked for and hasn't ended. */
interface Call {
  readonly stopped: AbortController;
  taken?(columns: readonly Numbers[]): void;
  rows?(columns: readonly AppendColumn[] | undefined): void;
}

/** What the thread does: works for the databases that the thread that started it asks for. */
export function runEngines(): void {
  const port = parentPort!;
  const engines = new Map<number, Promise<DuckDb>>();
  const calls = new Map<number, Call>();
  const collectGarbage = garbageCollector();
  const send = (message: FromEngine, transfer: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  const run = (call: number, work: (own: Call) => Promise<unknown>): void => {
    const own: Call = { stopped: new AbortController() };
    calls.set(call, own);
    work(own)
      .then(
        () => send({ kind: "done", call }),
        (error: unknown) => send({ kind: "failed", call, ...described(error) }),
      )
      .finally(() => calls.delete(call));
  };
  const engineOf = (number: number): Promise<DuckDb> =>
    engines.get(number) ?? Promise.reject(new Error(`there is no database ${number}`));

  port.on("message", (message: ToEngine) => {
    const { kind, call } = message;
    switch (kind) {
      case "open": {
        const opened = DuckDb.open(message.settings);
        engines.set(message.engine, opened);
        opened.catch(() => engines.delete(message.engine));
        return run(call, () => opened);
      }
      case "close":
        return run(call, async () => {
          const engine = await engineOf(message.engine);
          engines.delete(message.engine);
          await engine.close();
        });
      case "execute":
        return run(call, async () => (await engineOf(message.engine)).execute(...message.statements));
      case "read":
        return run(call, async (own) => {
          const batches = new Batches(own, (columns, length) => {
            const buffers = columns.flatMap((column) => (Array.isArray(column) ? [] : [column.buffer]));
            send({ kind: "batch", call, length, columns }, buffers);
            collectGarbage({ type: "minor" });
          });
          const engine = await engineOf(message.engine);
          await engine.read(message.sql, (chunk) => batches.add(chunk), own.stopped.signal);
          batches.end();
        });
      case "append":
        return run(call, async (own) => {
          let batches = 0;
          const rows = arriving(own, () => {
            batches++;
            send({ kind: "appended", call });
            collectGarbage({ type: "minor" });
          });
          await (await engineOf(message.engine)).append(message.table, rows);
          // What outlived the minor ones, such as texts of names, is some 20 MB after a flush.
          if (batches >= MANY_BATCHES) collectGarbage({ type: "major" });
        });
      case "taken":
        return calls.get(call)?.taken?.(message.columns);
      case "rows":
        return calls.get(call)?.rows?.(message.columns);
      case "abort":
        return calls.get(call)?.stopped.abort();
      case "exit":
        for (const { stopped } of calls.values()) stopped.abort();
        void Promise.allSettled([...engines.values()].map(async (opened) => (await opened).close())).then(() => {
          Atomics.store(message.ended, 0, 1);
          Atomics.notify(message.ended, 0);
        });
    }
  });
}

/**
 * Frees chunks that were read and columns that were appended. They hold memory that V8 hardly knows of, and this thread
 * makes too little garbage beside them to be collected by itself: it would be some 50 MB that wait for it.
 */
function garbageCollector(): (options: { readonly type: "minor" | "major" }) => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as (options: { readonly type: "minor" | "major" }) => void;
}

/** Makes few large batches of many small chunks. */
class Batches {
  readonly #stopped: AbortSignal;
  readonly #send: (columns: readonly (Numbers | string[])[], length: number) => void;
  /** Columns that were given back. */
  readonly #free: (readonly Numbers[])[] = [];
  /** The first is one chunk, so that whoever asks for little has it at once. */
  #capacity = CHUNK_ROWS;
  #columns: readonly (Numbers | string[])[] | undefined;
  #length = 0;
  #characters = 0;
  #untaken = 0;
  #wake: (() => void) | undefined;

  constructor(own: Call, send: (columns: readonly (Numbers | string[])[], length: number) => void) {
    this.#stopped = own.stopped.signal;
    this.#send = send;
    own.taken = (columns) => {
      this.#untaken--;
      if (columns.length > 0 && columns[0]!.length === BATCH_ROWS) this.#free.push(columns);
      this.#wake?.();
    };
    this.#stopped.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  /** Copies the rows of a chunk. Resolves when there is room for more. */
  add(chunk: ReadChunk): Promise<void> | undefined {
    if (this.#length + chunk.length > this.#capacity) {
      this.end();
      this.#capacity = BATCH_ROWS;
    }
    const columns = (this.#columns ??= this.#make(chunk));
    for (const [at, column] of columns.entries()) {
      if (Array.isArray(column)) this.#addTexts(chunk, at, column);
      else column.set(chunk.numbers(at).subarray(0, chunk.length), this.#length);
    }
    this.#length += chunk.length;
    if (this.#characters > BATCH_CHARACTERS) this.end();
    return this.#untaken < MAX_BATCHES ? undefined : this.#room();
  }

  /** Sends what is left. */
  end(): void {
    const columns = this.#columns;
    if (!columns || this.#length === 0) return;
    this.#send(columns, this.#length);
    this.#untaken++;
    this.#length = 0;
    this.#characters = 0;
    this.#columns = undefined;
  }

  #addTexts(chunk: ReadChunk, column: number, texts: string[]): void {
    for (let row = 0; row < chunk.length; row++) {
      const text = chunk.text(column, row);
      texts.push(text);
      this.#characters += text.length;
    }
  }

  async #room(): Promise<void> {
    while (this.#untaken >= MAX_BATCHES && !this.#stopped.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #make(chunk: ReadChunk): readonly (Numbers | string[])[] {
    const free = this.#free.pop();
    let next = 0;
    return Array.from({ length: chunk.columns }, (_, at) => {
      if (chunk.isText(at)) return [];
      if (free) return free[next++]!;
      const { constructor } = chunk.numbers(at);
      return new (constructor as new (length: number) => Numbers)(this.#capacity);
    });
  }
}

/** Rows as they arrive, from now on, until there are no more. */
function arriving(own: Call, appended: () => void): AsyncIterable<readonly AppendColumn[]> {
  const waiting: (readonly AppendColumn[] | undefined)[] = [];
  let wake: (() => void) | undefined;
  own.rows = (columns) => {
    waiting.push(columns);
    wake?.();
  };
  own.stopped.signal.addEventListener("abort", () => wake?.(), { once: true });
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (own.stopped.signal.aborted) throw new Error("the rows to append ended early");
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        const columns = waiting.shift();
        if (columns === undefined) return;
        yield columns;
        appended();
      }
    },
  };
}

function described(error: unknown): { readonly message: string; readonly error?: StoreErrorKind } {
  if (error instanceof StoreError) return { message: error.message, error: error.kind };
  return { message: error instanceof Error ? error.message : String(error) };
}
