import type { KernelFunction } from "./kernel-function.ts";
import { HEADER_BYTES, RecordKind, type RecordView } from "./record.ts";

/** Kinds of records that only the ring knows; what becomes of them is an off-CPU record. */
export const SwitchKind = {
  /** A task left the CPU: with its stack, and a number of the task as value. */
  Left: 5,
  /** The task with that number as tid is back: how long it was away. */
  Back: 6,
} as const;

/** Bytes of stacks that wait for their task. 250 pods of 16 sleeping threads with stacks of 700 bytes are 2.8 MB. */
const MAX_BYTES = 4 << 20;
/** What an array and its place in the table take beside its content, about. */
const ENTRY_BYTES = 200;
/** The tracing's own frames: the program, the function that calls it, and the one that calls several of them. */
const MAX_TRACING_FRAMES = 4;
const HEADER_WORDS = HEADER_BYTES / 4;

/**
 * The stacks of tasks that left the CPU, until the kernel tells how long they were away. A stack can be read only when
 * its task leaves, the time is known only when it is back; in the kernel the stacks would take a fixed megabyte.
 */
export class AwayStacks {
  readonly #records = new Map<number, Uint32Array>();
  readonly #scheduler: KernelFunction | undefined;
  #bytes = 0;
  #dropped = 0;

  /** @param scheduler the function in which tasks leave the CPU: inner frames are the tracing's, and left out */
  constructor(scheduler: KernelFunction | undefined) {
    this.#scheduler = scheduler;
  }

  /** Intervals given up: there was no room, or the end of one was lost. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes held. */
  get memoryBytes(): number {
    return this.#bytes;
  }

  /** A copy of the record is kept. The oldest go if there are too many: their tasks sleep longest. */
  left(record: RecordView): void {
    const tid = record.valueNs;
    if (this.#take(tid)) this.#dropped++;
    const copy = this.#copy(record);
    this.#records.set(tid, copy);
    this.#bytes += copy.byteLength + ENTRY_BYTES;
    for (const oldest of this.#records.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#take(oldest);
      this.#dropped++;
    }
  }

  /**
   * The record with which the task left, made one of `RecordKind.OffCpu` by the time, the value and the CPU of its
   * return; undefined if it isn't here.
   */
  back(record: RecordView): Uint32Array | undefined {
    const away = this.#take(record.tid);
    if (!away) return undefined;
    const { words, at } = record;
    away[0] = (away[0]! & ~0xff00) | (RecordKind.OffCpu << 8);
    away[4] = words[at + 4]!;
    away[5] = words[at + 5]!;
    away[14] = words[at + 14]!;
    away[15] = words[at + 15]!;
    away[16] = (away[16]! & ~0xffff) | (words[at + 16]! & 0xffff);
    return away;
  }

  #copy(record: RecordView): Uint32Array {
    const { words, at, kernelAt, sizeBytes } = record;
    const skipped = this.#tracingFrames(record);
    const copy = new Uint32Array(sizeBytes / 4 - 2 * skipped);
    copy.set(words.subarray(at, at + HEADER_WORDS));
    copy.set(words.subarray(kernelAt + 2 * skipped, at + sizeBytes / 4), HEADER_WORDS);
    copy[1] = copy.byteLength;
    copy[16] = copy[16]! - (skipped << 16);
    return copy;
  }

  #tracingFrames({ words, kernelAt, kernelFrames }: RecordView): number {
    const scheduler = this.#scheduler;
    if (!scheduler) return 0;
    for (let frame = 0; frame < Math.min(kernelFrames, MAX_TRACING_FRAMES); frame++) {
      const low = words[kernelAt + 2 * frame]!;
      const inside = low >= scheduler.start && low < scheduler.end;
      if (inside && words[kernelAt + 2 * frame + 1] === scheduler.high) return frame;
    }
    return 0;
  }

  #take(tid: number): Uint32Array | undefined {
    const record = this.#records.get(tid);
    if (record) {
      this.#records.delete(tid);
      this.#bytes -= record.byteLength + ENTRY_BYTES;
    }
    return record;
  }
}
