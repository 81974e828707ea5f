/** Unused memory goes after so long. */
const KEPT_MS = 30_000;
/** More is not kept. */
const MAX_KEPT_BYTES = 64 << 20;
/** What is kept has room for more than was needed, since trees of stores grow. */
const SLACK = 1.125;

/**
 * Columns that serve one question. What they are cut from may have served another one: a system takes ten times as long
 * to hand out fresh memory as a question takes to fill it.
 */
export class Columns {
  readonly #from: ArrayBuffer;
  /** What didn't fit. */
  readonly #own: ArrayBuffer[] = [];
  #used = 0;

  /** @param from memory that nobody else uses; what doesn't fit gets some of its own */
  constructor(from = new ArrayBuffer(0)) {
    this.#from = from;
  }

  /** Bytes that would have held all columns. */
  get needed(): number {
    return this.#used;
  }

  /** What columns were cut from. */
  get memory(): ArrayBuffer {
    return this.#from;
  }

  /** Of numbers that are to be written before they are read. */
  int32(length: number): Int32Array<ArrayBuffer> {
    const at = this.#take(length * 4);
    return at < 0 ? this.#keep(new Int32Array(length)) : new Int32Array(this.#from, at, length);
  }

  /** Of numbers that are to be written before they are read. */
  float64(length: number): Float64Array<ArrayBuffer> {
    const at = this.#take(length * 8);
    return at < 0 ? this.#keep(new Float64Array(length)) : new Float64Array(this.#from, at, length);
  }

  /** Frees what didn't fit: left to the garbage collector, it would be there beside what the next question takes. */
  free(): void {
    for (const buffer of this.#own.splice(0)) buffer.transfer(0);
  }

  #keep<T extends Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(column: T): T {
    this.#own.push(column.buffer);
    return column;
  }

  #take(bytes: number): number {
    const at = this.#used;
    this.#used += (bytes + 7) & ~7;
    return this.#used <= this.#from.byteLength ? at : -1;
  }
}

/** Keeps the memory of one question's columns for the next one. Those that come together get memory of their own. */
export class ColumnMemory {
  #kept: ArrayBuffer | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Columns, to be given back when nobody reads them any more. */
  take(): Columns {
    const kept = this.#kept;
    this.#forget();
    return new Columns(kept);
  }

  /** Takes columns back. */
  give(columns: Columns): void {
    const { memory, needed } = columns;
    columns.free();
    const size = Math.ceil((needed * SLACK) / 8) * 8;
    const enough = memory.byteLength >= needed ? memory : size <= MAX_KEPT_BYTES ? new ArrayBuffer(size) : undefined;
    if (!enough || (this.#kept && this.#kept.byteLength >= enough.byteLength)) return;
    this.#forget();
    this.#kept = enough;
    this.#timer = setTimeout(() => this.#forget(), KEPT_MS).unref();
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#kept = undefined;
  }
}
