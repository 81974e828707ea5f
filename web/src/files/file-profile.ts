import type { FrameTable, StackTable } from "../flame/index.ts";

/** Where reading is; also the stages that a page shows. */
export interface FileProgress {
  readonly stage: "inflating" | "reading" | "merging";
  /** Of the stage, 0…1. */
  readonly done: number;
}

/** Told how far a stage is, 0…1. */
export type Report = (done: number) => void;

export interface SampleTypeText {
  readonly type: string;
  readonly unit: string;
}

/** The stacks of one sample type of a file. */
export interface FileProfile {
  /** `pprof`, `folded`, `speedscope`, `perf-script`, `cpuprofile`, or `otlp` with its layout. */
  readonly format: string;
  readonly sampleTypes: readonly SampleTypeText[];
  /** Which of them the values are. */
  readonly sampleType: number;
  readonly stacks: StackTable;
  readonly frames: FrameTable;
  /** Milliseconds that were sampled, where the file tells and values are time; cores follow from it. */
  readonly coveredMs: number | undefined;
  /** Samples that count nothing or less, which cannot be drawn, and such that were broken. */
  readonly ignored: number;
}

/** Why a file cannot be shown: what failed, and what to do about it. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}
