import type { RecordView } from "../sampler/record.ts";

/** Frames of the kernel, and of the user with the words of each, as `RecordView` lays them out: leaf first. */
export interface WalkedStack {
  readonly words: Uint32Array;
  /** Index of the first kernel frame's low half. */
  readonly kernelAt: number;
  /** Index of the first user frame's low half; the kernel's frames end there. */
  readonly userAt: number;
  /** Index behind the last user frame. */
  readonly userEnd: number;
  readonly kernelFrames: number;
  readonly userFrames: number;
  /** 64-bit words a user frame. */
  readonly userWords: number;
  /** One of `Truncation`: what is missing at the end of the user's frames. */
  readonly truncation: number;
  /** One of `PythonGap`: why functions of Python are missing. */
  readonly gap: number;
}

/** A view of a stack that is moved from one to the next, so that samples make no garbage. */
export class StackView implements WalkedStack {
  words: Uint32Array = new Uint32Array(0);
  kernelAt = 0;
  userAt = 0;
  userEnd = 0;
  kernelFrames = 0;
  userFrames = 0;
  userWords = 1;
  truncation = 0;
  gap = 0;

  /** The stack of a record, in place: valid as long as the record is. */
  ofRecord(record: RecordView, truncation: number): this {
    this.words = record.words;
    this.kernelAt = record.kernelAt;
    this.userAt = record.userAt;
    this.userEnd = record.userEnd;
    this.kernelFrames = record.kernelFrames;
    this.userFrames = record.userFrames;
    this.userWords = record.userWords;
    this.truncation = truncation;
    this.gap = 0;
    return this;
  }
}
