import { closeSync, openSync, readSync } from "node:fs";
import { type KernelList, KernelSymbols } from "#symbols";
import type { Clock } from "#telemetry";
import { IntList } from "#wire";
import { type Dictionary, Unnamed } from "../profiles/dictionary.ts";
import { WordSet } from "../word-set.ts";
import type { FrameTypes } from "./frame-types.ts";

/** What tools call the kernel's own code; modules are shown in the same brackets. */
const KERNEL = "[kernel.kallsyms]";
/** Addresses remembered; a busy kernel has some hundreds. */
const MAX_ADDRESSES = 8192;

/**
 * Locations of kernel code. A named one is known by its function alone: the kernel lies elsewhere after each start, and
 * where it lies is nobody's business. An address without a name, where the kernel hides them, is told as it is.
 */
export class KernelCode {
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  readonly #symbols: KernelSymbols;
  /** Low and high half of an address. */
  readonly #addresses = new WordSet(2);
  readonly #locations = new IntList();
  #generation = -1;

  /** @param openList opens the kernel's list of symbols; undefined if it can't */
  constructor(dictionary: Dictionary, types: FrameTypes, openList: () => KernelList | undefined, clock: Clock) {
    this.#dictionary = dictionary;
    this.#types = types;
    this.#symbols = new KernelSymbols(openList, clock);
  }

  /** Why kernel frames have no names; undefined if they have. */
  get problem(): string | undefined {
    return this.#symbols.problem?.detail;
  }

  get memoryBytes(): number {
    return this.#symbols.memoryBytes + this.#addresses.memoryBytes;
  }

  /** Whether the names have been read, or can't be. */
  get isReady(): boolean {
    return this.#symbols.symbolCount > 0 || this.#symbols.problem !== undefined;
  }

  /** Reads the kernel's names, in small pieces; cheap if that isn't due. */
  load(): Promise<void> {
    return this.#symbols.load();
  }

  /** @param low,high halves of the address; of callers the return address */
  locationOf(low: number, high: number, isLeaf: boolean): number {
    if (this.#generation !== this.#dictionary.generation || this.#addresses.size > MAX_ADDRESSES) this.#forget();
    const { key } = this.#addresses;
    key[0] = isLeaf ? low : low - 1;
    key[1] = isLeaf || low > 0 ? high : high - 1;
    const known = this.#addresses.find();
    if (known >= 0) return this.#locations.at(known);
    const location = this.#name(key[0], key[1]);
    // Until the names are there, the same address is asked for again.
    if (this.isReady) {
      this.#addresses.intern();
      this.#locations.push(location);
    }
    return location;
  }

  #name(low: number, high: number): number {
    const dictionary = this.#dictionary;
    const type = this.#types.of("kernel");
    const found = this.#symbols.find(high, low);
    const mapping = dictionary.mapping({
      start: 0,
      limit: 0,
      fileOffset: 0,
      fileName: found?.module === undefined ? KERNEL : `[${found.module}]`,
      attributes: 0,
    });
    if (!found) {
      const location = dictionary.addressLocation(mapping, low, high, type, Unnamed.KernelHidden);
      dictionary.leaveUnnamed(location);
      return location;
    }
    const lines = dictionary.lineList([{ functionName: found.name, line: 0, startLine: 0 }]);
    return dictionary.namedLocation(mapping, lines, type);
  }

  #forget(): void {
    this.#generation = this.#dictionary.generation;
    this.#addresses.clear();
    this.#locations.clear();
  }
}

/** /proc/kallsyms; undefined if it can't be opened. */
export function openKernelList(): KernelList | undefined {
  let fd: number;
  try {
    fd = openSync("/proc/kallsyms", "r");
  } catch {
    return undefined;
  }
  return {
    read: (target) => {
      try {
        return readSync(fd, target);
      } catch {
        return 0;
      }
    },
    close: () => closeSync(fd),
  };
}
