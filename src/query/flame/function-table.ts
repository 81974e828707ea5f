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
  /** The last function by hash, and the one before it of the same hash, + 1. */
  readonly #byHash = new Map<number, number>();
  #sameHash = new Int32Array(1024);
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
    const hash = hashOf(shown);
    const last = this.#byHash.get(hash) ?? 0;
    for (let at = last; at !== 0; at = this.#sameHash[at - 1]!) {
      if (isSame(this.at(at - 1), shown)) return at - 1;
    }
    const number = this.#length++;
    if (number === this.#frameOf.length) {
      this.#frameOf = grown(this.#frameOf, number);
      this.#sameHash = grown(this.#sameHash, number);
      const kind = this.#kind;
      (this.#kind = new Uint8Array(number * 2)).set(kind);
    }
    this.#frameOf[number] = frame;
    this.#kind[number] = Math.max(0, KINDS.indexOf(shown.type as FunctionKind));
    this.#sameHash[number] = last;
    this.#byHash.set(hash, number + 1);
    return number;
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

/** 48 bits: of a million functions two share theirs once in a thousand stores, which costs a comparison. */
function hashOf({ name, file, line, type, mapping }: FlameFrame): number {
  let low = Math.imul(line + 1, 0x9e3779b1);
  let high = 0x85ebca6b;
  for (const text of [name, file, type, mapping]) {
    for (let at = 0; at < text.length; at++) {
      low = Math.imul(low ^ text.charCodeAt(at), 0x01000193);
      high = Math.imul(high + text.charCodeAt(at), 0xcc9e2d51) ^ (low >>> 15);
    }
    low = Math.imul(low ^ text.length, 0x01000193);
  }
  return (high & 0xffff) * 2 ** 32 + (low >>> 0);
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
