import type { BufferPool, MessageBuffer } from "./buffer-pool.ts";
import { varintSize, writeVarint } from "./varint.ts";

/** Numbers an edit takes in the flat array: what to do, the bytes it replaces, two arguments. */
const STRIDE = 5;
const KIND = 0;
const FROM = 1;
const TO = 2;
const ARGUMENT = 3;
const ARGUMENT_2 = 4;

const REMOVE = -1;
/** Puts a varint (ARGUMENT) in place, behind the tag ARGUMENT_2 unless that is 0. */
const PREFIX = -2;
// Kinds from 0 on insert `sources[kind][ARGUMENT, ARGUMENT_2)`.

/**
 * Edits of one message, collected while walking it from front to back, then applied in one pass and one copy. The
 * length prefixes of all enclosing messages are put right, also where their own size changes. The memory is kept from
 * one message to the next, so that planning allocates nothing once it has grown.
 *
 * Edits and `enter`s come in ascending order of position; `enter` and `leave` nest.
 */
export class SplicePlan {
  #edits = new Int32Array(64 * STRIDE);
  #count = 0;
  #growth = 0;
  #sources: Uint8Array[] = [];
  /** For each entered message: its edit's index, its length before, and the growth before it. */
  #entered = new Float64Array(16 * 3);
  #depth = 0;

  /** Forgets all edits. */
  reset(): void {
    this.#count = 0;
    this.#growth = 0;
    this.#depth = 0;
    this.#sources.length = 0;
  }

  /** True as long as nothing was planned. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /** How many bytes the message gains (or loses) so far, prefixes of entered messages not yet counted. */
  get growth(): number {
    return this.#growth;
  }

  /** Goes into a message whose length prefix is at `[prefixStart, start)` and whose content ends at `end`. */
  enter(prefixStart: number, start: number, end: number): void {
    this.#enter(prefixStart, start, end - start, 0);
  }

  /** Adds a message of its own at `position`, with that tag; what is inserted until `leave` is its content. */
  enterNew(position: number, tag: number): void {
    this.#enter(position, position, 0, tag);
  }

  /** Leaves the message entered last and corrects its prefix. Without edits inside, it stays as it is. */
  leave(): void {
    const at = --this.#depth * 3;
    const edit = this.#entered[at]!;
    const lengthBefore = this.#entered[at + 1]!;
    const growthBefore = this.#entered[at + 2]!;
    if (this.#count === edit / STRIDE + 1) {
      this.#count--;
      return;
    }
    const edits = this.#edits;
    const length = lengthBefore + this.#growth - growthBefore;
    const tag = edits[edit + ARGUMENT_2]!;
    edits[edit + ARGUMENT] = length;
    this.#growth += varintSize(length) + (tag === 0 ? 0 : varintSize(tag)) - (edits[edit + TO]! - edits[edit + FROM]!);
  }

  /** Leaves out `[from, to)`. */
  remove(from: number, to: number): void {
    this.#push(REMOVE, from, to, 0, 0);
    this.#growth -= to - from;
  }

  /** Puts `source[start, end)` at `position`. The source must not change until the plan is applied. */
  insert(position: number, source: Uint8Array, start: number, end: number): void {
    let index = this.#sources.length - 1;
    if (index < 0 || this.#sources[index] !== source) {
      index++;
      this.#sources.push(source);
    }
    this.#push(index, position, position, start, end);
    this.#growth += end - start;
  }

  /** Writes the edited message into a buffer of the pool, which the caller releases. All messages must be left. */
  apply(input: Uint8Array, pool: BufferPool): MessageBuffer {
    if (this.#depth !== 0) throw new Error("plan applied inside a message");
    const output = pool.take(input.length + this.#growth);
    const target = output.bytes;
    const edits = this.#edits;
    let read = 0;
    let write = 0;
    for (let edit = 0; edit < this.#count * STRIDE; edit += STRIDE) {
      const from = edits[edit + FROM]!;
      write = copy(input, read, from, target, write);
      read = edits[edit + TO]!;
      const kind = edits[edit + KIND]!;
      if (kind >= 0) {
        write = copy(this.#sources[kind]!, edits[edit + ARGUMENT]!, edits[edit + ARGUMENT_2]!, target, write);
      } else if (kind === PREFIX) {
        const tag = edits[edit + ARGUMENT_2]!;
        if (tag !== 0) write = writeVarint(target, write, tag);
        write = writeVarint(target, write, edits[edit + ARGUMENT]!);
      }
    }
    copy(input, read, input.length, target, write);
    return output;
  }

  #enter(prefixStart: number, start: number, length: number, tag: number): void {
    if ((this.#depth + 1) * 3 > this.#entered.length) {
      const grown = new Float64Array(this.#entered.length * 2);
      grown.set(this.#entered);
      this.#entered = grown;
    }
    const at = this.#depth++ * 3;
    this.#entered[at] = this.#count * STRIDE;
    this.#entered[at + 1] = length;
    this.#entered[at + 2] = this.#growth;
    this.#push(PREFIX, prefixStart, start, 0, tag);
  }

  #push(kind: number, from: number, to: number, argument: number, argument2: number): void {
    const at = this.#count++ * STRIDE;
    if (at + STRIDE > this.#edits.length) {
      const grown = new Int32Array(this.#edits.length * 2);
      grown.set(this.#edits);
      this.#edits = grown;
    }
    const edits = this.#edits;
    edits[at + KIND] = kind;
    edits[at + FROM] = from;
    edits[at + TO] = to;
    edits[at + ARGUMENT] = argument;
    edits[at + ARGUMENT_2] = argument2;
  }
}

/** `Buffer.copy`, for any bytes as `this`. */
const { copy: copyBytes } = Buffer.prototype as {
  copy: (this: Uint8Array, target: Uint8Array, at: number, from: number, to: number) => number;
};
/** Below this a loop is faster than a call into C++. `set` would need a view, the only allocation of a splice. */
const LOOP_BELOW = 48;

function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  const length = to - from;
  if (length < LOOP_BELOW) {
    for (let index = 0; index < length; index++) target[at + index] = source[from + index]!;
  } else copyBytes.call(source, target, at, from, to);
  return at + length;
}
