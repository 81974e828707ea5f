import type { Clock } from "#telemetry";
import { type Dictionary, Unnamed } from "../profiles/dictionary.ts";
import type { CodeFile } from "./code-file.ts";
import { openDebugFileFor } from "./code-files.ts";
import { openCodeNames } from "./code-names.ts";
import type { FrameTypes } from "./frame-types.ts";

const HIGH = 2 ** 32;

/** Locations of one file that wait for its names. */
interface Waiting {
  /** A process that has it mapped: debug files are looked for in its container. */
  readonly pid: number;
  readonly locations: number[];
  readonly addresses: number[];
}

/** Locations that wait; the rest stays without a name until it is asked for again, in the dictionary's next generation. */
const MAX_WAITING = 1 << 16;

/**
 * Names locations by and by: each file's symbols are read when the first of its addresses is asked for, and everything
 * stops when the time of a turn is over. What isn't named when a request is built is in it by address, and named in the
 * next one.
 */
export class NameQueue {
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  readonly #exactAddresses: boolean;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #files = new Map<CodeFile, Waiting>();
  #count = 0;
  /** Locations refused because too many wait. */
  refused = 0;
  /** Symbols that were not read, because their tables are too large. */
  symbolsLeftOut = 0;

  /** @param exactAddresses whether functions keep each of their addresses apart, instead of the one where they begin */
  constructor(dictionary: Dictionary, types: FrameTypes, exactAddresses: boolean, clock: Pick<Clock, "monotonicMs">) {
    this.#exactAddresses = exactAddresses;
    this.#dictionary = dictionary;
    this.#types = types;
    this.#clock = clock;
  }

  /** Locations that wait. */
  get length(): number {
    return this.#count;
  }

  /** Has a location named that is new. */
  add(file: CodeFile, pid: number, location: number, address: number): void {
    if (file.names.kind === "none" || this.#count >= MAX_WAITING) {
      if (file.names.kind !== "none") this.refused++;
      this.#dictionary.leaveUnnamed(location);
      return;
    }
    let waiting = this.#files.get(file);
    if (!waiting) {
      waiting = { pid, locations: [], addresses: [] };
      this.#files.set(file, waiting);
    }
    waiting.locations.push(location);
    waiting.addresses.push(address);
    this.#count++;
  }

  /**
   * Works until `deadlineMs` of the monotonic clock, on what can be named without waiting.
   *
   * @returns whether there is more to do at once; false also while files are being read
   */
  work(deadlineMs: number): boolean {
    for (const [file, waiting] of this.#files) {
      switch (file.names.kind) {
        case "reading":
          break;
        case "unread":
          this.read(file, waiting.pid);
          // Reading is one piece of work, however long it takes: another file's is for the next turn.
          return true;
        case "none":
          this.#drop(file, waiting);
          break;
        case "read":
          while (waiting.locations.length > 0) {
            if (this.#clock.monotonicMs() >= deadlineMs) return true;
            this.#count--;
            this.#name(file, waiting.locations.pop()!, waiting.addresses.pop()!);
          }
          this.#files.delete(file);
      }
    }
    return false;
  }

  /** Forgets what waits: the dictionary was cleared. */
  clear(): void {
    this.#files.clear();
    this.#count = 0;
  }

  #name(file: CodeFile, location: number, address: number): void {
    const dictionary = this.#dictionary;
    const found = file.names.kind === "read" ? file.names.names.find(address) : undefined;
    if (found === undefined) {
      dictionary.leaveUnnamed(location);
      return;
    }
    const lines = dictionary.lineList(found.frames);
    const type = this.#types.of(found.kind);
    if (this.#exactAddresses) {
      dictionary.nameLocation(location, lines, type);
      return;
    }
    const mapping = file.mappingOf(address, dictionary);
    if (found.start === undefined) {
      dictionary.showAs(location, dictionary.namedLocation(mapping, lines, type));
      return;
    }
    const { start } = found;
    const shown = dictionary.addressLocation(mapping, start >>> 0, Math.floor(start / HIGH), type, Unnamed.NoSymbol);
    dictionary.nameLocation(shown, lines, type);
    dictionary.showAs(location, shown);
  }

  /** Begins to read the names of a file that has not been asked for any. */
  read(file: CodeFile, pid: number): void {
    if (!file.elf) {
      file.names = { kind: "none" };
      return;
    }
    file.names = { kind: "reading" };
    void openCodeNames(file.elf, file.path, openDebugFileFor(pid)).then(
      (names) => {
        if (file.discarded) names.close();
        else file.names = { kind: "read", names };
        this.symbolsLeftOut += names.symbolsLeftOut;
      },
      () => {
        file.names = { kind: "none" };
      },
    );
  }

  #drop(file: CodeFile, waiting: Waiting): void {
    for (const location of waiting.locations) this.#dictionary.leaveUnnamed(location);
    this.#count -= waiting.locations.length;
    this.#files.delete(file);
  }
}
