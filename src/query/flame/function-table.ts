import type { FrameTable } from "#store";
import type { FlameFrame } from "../api.ts";

/** Whether frames of one function at several lines are one node of a graph. */
export type Granularity = "function" | "line";

/** What a frame stands for. */
export type FunctionKind = "call" | "process" | "truncated" | "group";

/** Functions by number, as graphs show them. */
export interface Functions {
  readonly length: number;
  at(number: number): FlameFrame;
  kindOf(number: number): FunctionKind;
}

const KINDS: readonly FunctionKind[] = ["call", "process", "truncated", "group"];
/** Frames that are put into words are remembered until there are so many. */
const MAX_WORDS = 1 << 16;

/**
 * Frames as graphs show them, numbered from 0; those that look the same are one. A large store has some hundred thousand,
 * of which a graph shows a few: what is held for each is where its words are to be found, 30 bytes.
 */
export class FunctionTable implements Functions {
  readonly #granularity: Granularity;
  readonly #frames: FrameTable;
  /** Function + 1 by frame; 0 is not known yet. */
  #numbers = new Int32Array(4096);
  /** A frame of each function, or -1: its words are in `#own`. */
  #frameOf = new Int32Array(1024);
  #kind = new Uint8Array(1024);
  #length = 0;
  /** Hash of each function. */
  #hashes = new Int32Array(1024);
  /** Functions + 1 from the place on that their hash stands for; 0 is free. */
  #slots = new Int32Array(2048);
  /** Keeps senders from making up names that all collide. */
  readonly #seed = crypto.getRandomValues(new Int32Array(1))[0]!;
  /** Groups, and frames of other tables. */
  readonly #own = new Map<number, FlameFrame>();
  readonly #words = new Map<number, FlameFrame>();

  /** @param frames of the store, which only grow */
  constructor(granularity: Granularity, frames: FrameTable) {
    this.#granularity = granularity;
    this.#frames = frames;
  }

  get length(): number {
    return this.#length;
  }

  kindOf(number: number): FunctionKind {
    return KINDS[this.#kind[number]!]!;
  }

  at(number: number): FlameFrame {
    const own = this.#own.get(number) ?? this.#words.get(number);
    if (own) return own;
    const frame = this.#shown(this.#frames, this.#frameOf[number]!);
    if (this.#words.size >= MAX_WORDS) this.#words.clear();
    this.#words.set(number, frame);
    return frame;
  }

  /** A function that numbers frames of a table. */
  numbering(frames: FrameTable): (frame: number) => number {
    if (frames !== this.#frames) return (frame) => this.intern(this.#shown(frames, frame));
    return (frame) => {
      if (frame >= this.#numbers.length) this.#numbers = grown(this.#numbers, frame);
      const known = this.#numbers[frame]!;
      if (known !== 0) return known - 1;
      const number = this.#find(this.#shown(frames, frame), frame);
      this.#numbers[frame] = number + 1;
      return number;
    };
  }

  /** The number of what is no frame of the store, e.g. a group. */
  intern(frame: FlameFrame): number {
    const before = this.#length;
    const number = this.#find(frame, -1);
    if (number === before) this.#own.set(number, frame);
    return number;
  }

  #find(shown: FlameFrame, frame: number): number {
    const hash = hashOf(shown, this.#seed);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let at = this.#slots[slot]!; at !== 0; at = this.#slots[slot]!) {
      if (this.#hashes[at - 1] === hash && isSame(this.at(at - 1), shown)) return at - 1;
      slot = (slot + 1) & mask;
    }
    const number = this.#length++;
    if (number === this.#frameOf.length) {
      this.#frameOf = grown(this.#frameOf, number);
      this.#hashes = grown(this.#hashes, number);
      const kind = this.#kind;
      (this.#kind = new Uint8Array(number * 2)).set(kind);
    }
    this.#frameOf[number] = frame;
    this.#kind[number] = Math.max(0, KINDS.indexOf(shown.type as FunctionKind));
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
    return number;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#length; number++) {
      let slot = this.#hashes[number]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }

  #shown(frames: FrameTable, frame: number): FlameFrame {
    const { name, file, line, type, mapping, address } = frames.at(frame);
    const text = name === "" ? nameless(type, mapping, address) : name;
    return { name: text, file, line: this.#granularity === "line" ? line : 0, type, mapping };
  }
}

/** Functions of a table that is kept. */
const MAX_KEPT = 1 << 20;

/**
 * Tables from one question to the next: naming the frames of a large store takes longer than adding their values up. One
 * for each granularity, as long as they are of one store and small enough.
 */
export class FunctionTables {
  readonly #kept = new Map<Granularity, { readonly frames: FrameTable; readonly table: FunctionTable }>();

  /** The table to number frames of a store's table in. */
  of(granularity: Granularity, frames: FrameTable): FunctionTable {
    const kept = this.#kept.get(granularity);
    if (kept?.frames === frames && kept.table.length < MAX_KEPT) return kept.table;
    const table = new FunctionTable(granularity, frames);
    this.#kept.set(granularity, { frames, table });
    return table;
  }
}

function isSame(a: FlameFrame, b: FlameFrame): boolean {
  return a.name === b.name && a.line === b.line && a.file === b.file && a.type === b.type && a.mapping === b.mapping;
}

function hashOf({ name, file, line, type, mapping }: FlameFrame, seed: number): number {
  let hash = Math.imul(line + 1, 0x9e3779b1) ^ seed;
  for (const text of [name, file, type, mapping]) {
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x9e3779b1) ^ (hash >>> 15);
    }
    hash = Math.imul(hash ^ text.length, 0x85ebca77);
  }
  return hash ^ (hash >>> 13);
}

/** A longer column that has room for an index. */
function grown(from: Int32Array<ArrayBuffer>, index: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(Math.max(from.length * 2, index + 1));
  to.set(from);
  return to;
}

function nameless(type: string, mapping: string, address: bigint): string {
  if (type === "process") return "(unknown process)";
  if (address === 0n) return mapping === "" ? "[unknown]" : `[${mapping}]`;
  return mapping === "" ? `0x${address.toString(16)}` : `${mapping}+0x${address.toString(16)}`;
}
