import type { Clock } from "#telemetry";
import { SymbolProblem } from "../symbol-problem.ts";
import { type KernelFunction, KernelTable } from "./kernel-table.ts";

/** The kernel's list of symbols, opened. It can only be read from the beginning on. */
export interface KernelList {
  /** Fills the beginning of `target`; 0 at the end. */
  read(target: Uint8Array): number;
  close(): void;
}

/** What is read between two pauses: 5 ms of work. The kernel formats it for us, 4 KiB a call. */
const SLICE_BYTES = 256 << 10;
/** No kernel's list is larger than a few tens of MB. */
const MAX_LIST_BYTES = 256 << 20;
/** Names may have 511 bytes, modules' names 55. */
const MAX_LINE_BYTES = 1024;
/** An address that has no name may be of a module loaded since: the list is read again, but not more often than this. */
const FIRST_REFRESH_MS = 60_000;
const LAST_REFRESH_MS = 3_600_000;
/** Compiled BPF programs come and go at the same addresses. */
const BPF_REFRESH_MS = 600_000;

/**
 * Names of the kernel's functions, of its modules and of BPF programs. Reads `/proc/kallsyms` when `load` is called the
 * first time (in slices; about 100 ms of CPU for 122,000 lines, half of it in the kernel), keeps 2.1 MB for it, and reads
 * it again when there are addresses that it doesn't explain, ever more rarely if that doesn't help.
 */
export class KernelSymbols {
  readonly #open: () => KernelList | undefined;
  readonly #clock: Clock;
  #table: KernelTable | undefined;
  #problem: SymbolProblem | undefined;
  #loading: Promise<void> | undefined;
  #loadedMs = 0;
  #missed = false;
  #sawBpf = false;
  #refreshMs = FIRST_REFRESH_MS;

  /** @param open opens `/proc/kallsyms`; undefined if it can't */
  constructor(open: () => KernelList | undefined, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Why kernel addresses have no names; undefined if they have. */
  get problem(): SymbolProblem | undefined {
    return this.#problem;
  }

  /** Functions known. */
  get symbolCount(): number {
    return this.#table?.count ?? 0;
  }

  /** Functions left out because the list is too long. */
  get dropped(): number {
    return this.#table?.dropped ?? 0;
  }

  get memoryBytes(): number {
    return this.#table?.memoryBytes ?? 0;
  }

  /**
   * Reads the list if it hasn't been, or if that is due again. To be awaited before a batch of look-ups; cheap when
   * there's nothing to do. Never rejects, see `problem`.
   */
  load(): Promise<void> {
    this.#loading ??= this.#isDue()
      ? this.#read().finally(() => {
          this.#loading = undefined;
        })
      : undefined;
    return this.#loading ?? Promise.resolve();
  }

  /**
   * The function that holds an address, given as its upper and lower 32 bits (unsigned). For a caller's frame give the
   * return address minus one.
   */
  find(high: number, low: number): KernelFunction | undefined {
    const found = this.#table?.find(high, low);
    if (!found) this.#missed = true;
    else if (found.module === "bpf") this.#sawBpf = true;
    return found;
  }

  #isDue(): boolean {
    if (!this.#table && !this.#problem) return true;
    const age = this.#clock.monotonicMs() - this.#loadedMs;
    return (this.#missed && age >= this.#refreshMs) || (this.#sawBpf && age >= BPF_REFRESH_MS);
  }

  async #read(): Promise<void> {
    this.#refreshMs = this.#missed && this.#table ? Math.min(this.#refreshMs * 2, LAST_REFRESH_MS) : FIRST_REFRESH_MS;
    const table = await readTable(this.#open).catch((error: unknown) => unreadable(String(error)));
    this.#loadedMs = this.#clock.monotonicMs();
    this.#missed = false;
    this.#sawBpf = false;
    this.#problem = table instanceof KernelTable ? problemOf(table) : table;
    if (table instanceof KernelTable && !this.#problem) this.#table = table;
  }
}

function unreadable(reason: string): SymbolProblem {
  return new SymbolProblem("unsupported", `/proc/kallsyms can't be read: ${reason}`);
}

function problemOf(table: KernelTable): SymbolProblem | undefined {
  if (table.count > 0) return undefined;
  return table.hidden > 0
    ? new SymbolProblem(
        "unsupported",
        "the kernel hides its addresses: set the sysctl kernel.kptr_restrict to 0 or 1 and give CAP_SYSLOG",
      )
    : new SymbolProblem("corrupt", "/proc/kallsyms names no functions");
}

async function readTable(open: () => KernelList | undefined): Promise<KernelTable | SymbolProblem> {
  const list = open();
  if (!list) return unreadable("it can't be opened");
  const table = new KernelTable();
  const buffer = Buffer.allocUnsafeSlow(SLICE_BYTES);
  try {
    let filled = 0;
    for (let total = 0; total < MAX_LIST_BYTES;) {
      const got = list.read(buffer.subarray(filled));
      if (got === 0) break;
      total += got;
      filled += got;
      if (filled < buffer.length - MAX_LINE_BYTES) continue;
      filled = takeLines(table, buffer, filled);
      if (table.count === 0 && table.hidden > 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    takeLines(table, buffer, filled);
  } finally {
    list.close();
  }
  table.finish();
  return table;
}

/** @returns bytes of the unfinished line, which is moved to the beginning of the buffer */
function takeLines(table: KernelTable, buffer: Buffer, filled: number): number {
  const rest = table.addLines(buffer, filled);
  // A line that fills the buffer is none of the kernel's.
  if (filled - rest > MAX_LINE_BYTES) return 0;
  buffer.copyWithin(0, rest, filled);
  return filled - rest;
}
