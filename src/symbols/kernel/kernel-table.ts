import { isPreferredName } from "../preferred-name.ts";
import { lastAtOrBelow, sortByKey } from "../radix-sort.ts";
import { NameStore } from "./name-store.ts";

/** A function of the kernel. */
export interface KernelFunction {
  readonly name: string;
  /** The module it belongs to, e.g. `nf_tables`, or `bpf` for a compiled program; undefined in the kernel itself. */
  readonly module: string | undefined;
}

/** Kernels of distributions have 200,000 with all modules. */
const MAX_SYMBOLS = 1_000_000;
/** The list has no sizes. What follows a symbol by more than this isn't part of it. */
const MAX_FUNCTION_BYTES = 1 << 20;
/** Between modules there are holes, into which later ones are loaded; their functions are smaller. */
const MAX_MODULE_FUNCTION_BYTES = 64 << 10;
/** They name the end of code, not a function. */
const ENDS = new Set(["_etext", "_einittext", "__end_rodata"]);
const LONGEST_NAME_BYTES = 255;

const NEWLINE = 10;
const SPACE = 32;
/** Address, space, type, space. */
const NAME_OFFSET = 19;
/** Marks the padding ahead of each function, which is never executed; half of the list. */
const PADDING_PREFIX = Buffer.from("__pfx_");

/** Functions whose addresses have the same upper half. */
interface Region {
  keys: Uint32Array;
  values: Uint32Array;
  count: number;
}

/**
 * The functions of one reading of the kernel's list (`/proc/kallsyms`), by address. Filled line by line from bytes,
 * without making strings; about 30 bytes a function are kept.
 */
export class KernelTable {
  /** Upper half of an address → functions. The kernel and its modules have one or two. */
  readonly #regions = new Map<number, Region>();
  readonly #names = new NameStore();
  /** Functions kept. */
  count = 0;
  /** Functions left out, because there are too many. */
  dropped = 0;
  /** Lines whose address is zero: what the kernel shows to those it doesn't trust. */
  hidden = 0;

  get memoryBytes(): number {
    let bytes = this.#names.memoryBytes;
    for (const { keys, values } of this.#regions.values()) bytes += keys.byteLength + values.byteLength;
    return bytes;
  }

  /**
   * Reads the lines `address type name[<tab>[module]]` that are complete in `bytes[0, length)`. Others are passed over.
   *
   * @returns where the first line begins that isn't complete
   */
  addLines(bytes: Buffer, length: number): number {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      if (end < 0 || end >= length) return start;
      if (end > start + NAME_OFFSET) this.#addLine(bytes, start, end);
      start = end + 1;
    }
  }

  /** Sorts what was added. After the last line, before the first look-up. */
  finish(): void {
    for (const region of this.#regions.values()) {
      const { keys, values } = sortByKey(region.keys, region.values, region.count);
      region.keys = keys;
      region.values = values;
    }
  }

  /** The function that holds an address, given as its upper and lower 32 bits (unsigned). */
  find(high: number, low: number): KernelFunction | undefined {
    const region = this.#regions.get(high);
    if (!region) return undefined;
    const at = lastAtOrBelow(region.keys, low);
    if (at < 0) return undefined;
    const start = region.keys[at]!;
    let best = this.#function(region.values[at]!);
    for (let alias = at - 1; alias >= 0 && region.keys[alias] === start; alias--) {
      const other = this.#function(region.values[alias]!);
      if (isPreferredName(other.name, best.name)) best = other;
    }
    if (ENDS.has(best.name)) return undefined;
    return low - start < (best.module === undefined ? MAX_FUNCTION_BYTES : MAX_MODULE_FUNCTION_BYTES)
      ? best
      : undefined;
  }

  #addLine(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start + 17]! | 0x20;
    // Text (`t`, `T`) and weak symbols (`w`, `W`); the rest is data.
    if ((type !== 0x74 && type !== 0x77) || bytes[start + 16] !== SPACE) return;
    const name = start + NAME_OFFSET;
    if (bytes[name] === 0x5f && bytes.compare(PADDING_PREFIX, 0, 6, name, name + 6) === 0) return;
    const high = readHex(bytes, start, start + 8);
    const low = readHex(bytes, start + 8, start + 16);
    if (high < 0 || low < 0) return;
    if (high === 0 && low === 0) {
      this.hidden++;
      return;
    }
    if (this.count >= MAX_SYMBOLS) {
      this.dropped++;
      return;
    }
    const region = this.#region(high);
    region.keys[region.count] = low;
    region.values[region.count++] = this.#names.add(bytes, name, Math.min(end, name + LONGEST_NAME_BYTES));
    this.count++;
  }

  #region(high: number): Region {
    let region = this.#regions.get(high);
    if (!region) {
      region = { keys: new Uint32Array(1024), values: new Uint32Array(1024), count: 0 };
      this.#regions.set(high, region);
    } else if (region.count === region.keys.length) {
      region.keys = grown(region.keys);
      region.values = grown(region.values);
    }
    return region;
  }

  #function(number: number): KernelFunction {
    const text = this.#names.read(number);
    const tab = text.indexOf("\t");
    return tab < 0 ? { name: text, module: undefined } : { name: text.slice(0, tab), module: text.slice(tab + 2, -1) };
  }
}

function grown(list: Uint32Array): Uint32Array {
  const larger = new Uint32Array(list.length * 2);
  larger.set(list);
  return larger;
}

/** A hexadecimal number of up to 8 digits; -1 if there is anything else. */
function readHex(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    let digit = byte - 0x30;
    if (digit > 9) digit = (byte | 0x20) - 0x57;
    if (digit < 0 || digit > 15 || (digit > 9 && byte < 0x41)) return -1;
    value = value * 16 + digit;
  }
  return value;
}
