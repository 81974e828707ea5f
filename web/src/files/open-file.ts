import type { FlameEngine } from "../flame/index.ts";

/** How far reading is. */
export interface FileProgress {
  readonly stage: "inflating" | "reading" | "merging" | "ordering";
  /** Of the stage, 0…1. */
  readonly done: number;
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

export interface OpenOptions {
  /** The sample type to show, by its place in `OpenedFile.sampleTypes`; default the file's own. */
  readonly sampleType?: number;
  /** Ends the worker at once. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FileProgress) => void;
}

/** A file that was read. Its engine answers from the worker until `close`. */
export interface OpenedFile extends FlameEngine {
  readonly name: string;
  /** `pprof`, `folded`, `speedscope`, `perf-script`, `cpuprofile`, `otlp`. */
  readonly format: string;
  readonly sampleTypes: readonly { readonly type: string; readonly unit: string }[];
  /** Which of them is shown. */
  readonly sampleType: number;
  readonly stacks: number;
  /** Stacks that count nothing or less: they cannot be drawn. */
  readonly ignored: number;
}

/** Reads a file in a worker of its own. Rejects with a FileProblem, or with the signal's reason. */
export function openFile(file: File, options: OpenOptions = {}): Promise<OpenedFile> {
  void options;
  return Promise.reject(new FileProblem(`${file.name} cannot be read yet`, "wait for the worker"));
}
