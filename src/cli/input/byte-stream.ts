import type { FileHandle } from "node:fs/promises";

/** Where bytes come from: fills the front of `into` and says how much; 0 is the end. */
export type ByteSource = (into: Uint8Array) => Promise<number>;

/** Reads a file from its beginning to its end. */
export function fileSource(file: FileHandle): ByteSource {
  return async (into) => (await file.read(into, 0, into.length, null)).bytesRead;
}

/** Reads what an iterable gives. */
export function chunkSource(chunks: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = EMPTY;
  return async (into) => {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return 0;
      rest = next.value;
    }
    const count = Math.min(rest.length, into.length);
    into.set(rest.subarray(0, count));
    rest = rest.subarray(count);
    return count;
  };
}

/**
 * Bytes in order, with a look ahead. What `take` returns belongs to the caller; what `peek` returns is a view that ends
 * with the next call. Holds as much as was peeked, no more. Errors of the source are thrown by whoever reads.
 */
export class ByteStream {
  readonly #source: ByteSource;
  #buffer = EMPTY;
  #start = 0;
  #end = 0;
  #ended = false;
  #taken = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes that were taken so far. */
  get offset(): number {
    return this.#taken;
  }

  /** The next bytes, at least `count` of them unless the stream ends before. */
  async peek(count: number): Promise<Uint8Array> {
    if (this.#end - this.#start < count && !this.#ended) {
      this.#makeRoom(count);
      while (this.#end - this.#start < count && !this.#ended) {
        const read = await this.#source(this.#buffer.subarray(this.#end));
        this.#ended = read === 0;
        this.#end += read;
      }
    }
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Whether nothing follows. */
  async atEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0;
  }

  /** Exactly `count` bytes, or as many as there are. Memory grows with what comes, not with what was asked for. */
  async take(count: number): Promise<Uint8Array> {
    let into = new Uint8Array(Math.min(count, Math.max(this.#end - this.#start, LARGEST_TRUSTED)));
    let length = this.#copyHeld(into);
    while (length < count && !this.#ended) {
      if (length === into.length) into = grown(into, Math.min(count, into.length * 2));
      const read = await this.#source(into.subarray(length));
      this.#ended = read === 0;
      length += read;
    }
    this.#taken += length;
    return into.subarray(0, length);
  }

  /**
   * Everything that is left; undefined when that is more than `limit`.
   *
   * @param expected how much there probably is, which saves copying
   */
  async takeAll(limit: number, expected = 0): Promise<Uint8Array | undefined> {
    const held = this.#end - this.#start;
    // One more than expected, so that the end is seen without growing.
    let into = new Uint8Array(Math.max(held, Math.min(expected, limit)) + 1);
    let length = this.#copyHeld(into);
    while (!this.#ended) {
      if (length > limit) return undefined;
      if (length === into.length) into = grown(into, Math.min(limit + 1, Math.max(1 << 16, into.length * 2)));
      const read = await this.#source(into.subarray(length));
      this.#ended = read === 0;
      length += read;
    }
    this.#taken += length;
    return length > limit ? undefined : into.subarray(0, length);
  }

  /** What is left of the current line, without its end; undefined at the end or when it is longer than `limit`. */
  async takeLine(limit: number): Promise<Uint8Array | undefined> {
    let searched = 0;
    for (let wanted = 1 << 16; ; wanted = Math.min(limit + 1, wanted * 2)) {
      const held = await this.peek(wanted);
      const end = held.indexOf(0x0a, searched);
      if (end >= 0 && end <= limit) {
        const line = await this.take(end + 1);
        return line.subarray(0, end);
      }
      if (held.length > limit) return undefined;
      if (held.length < wanted) return held.length === 0 ? undefined : this.take(held.length);
      searched = held.length;
    }
  }

  #copyHeld(into: Uint8Array): number {
    const count = Math.min(into.length, this.#end - this.#start);
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }

  #makeRoom(count: number): void {
    const held = this.#buffer.subarray(this.#start, this.#end);
    if (this.#start + count > this.#buffer.length) {
      if (count > this.#buffer.length) {
        const larger = new Uint8Array(Math.max(count, WINDOW));
        larger.set(held);
        this.#buffer = larger;
      } else this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = held.length;
    }
  }
}

/** Bytes read at a time. */
const WINDOW = 256 << 10;
/** A length that is believed before the bytes are there. */
const LARGEST_TRUSTED = 4 << 20;
const EMPTY = new Uint8Array(0);

function grown(from: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(from);
  return larger;
}
