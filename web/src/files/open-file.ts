import {
  type BuildOptions,
  type FlameEngine,
  FlameTree,
  type FrameTable,
  type FunctionTable,
  type Matches,
  type SearchProblem,
  type SearchQuery,
  type Transform,
} from "../flame/index.ts";
import type { FileProgress, SampleTypeText } from "./file-profile.ts";
import type { ExportFormat } from "./export/export-format.ts";
import { frameTable, type TreeMessage } from "./messages.ts";
import { WorkerLine } from "./worker-line.ts";

export interface OpenOptions {
  /** The sample type to show, by its place in `OpenedFile.sampleTypes`; default the file's own. */
  readonly sampleType?: number;
  /** Ends the worker at once; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FileProgress) => void;
}

/**
 * A file that was read. Its engine answers from the worker until `close`. Of searches that are asked faster than they are
 * answered only the last is run, and all of them get its answer.
 */
export interface OpenedFile extends FlameEngine {
  readonly name: string;
  /** `pprof`, `folded`, `speedscope`, `perf-script`, `cpuprofile`, `otlp D10`, … */
  readonly format: string;
  readonly sampleTypes: readonly SampleTypeText[];
  /** Which of them is shown. Another one: open the file again. */
  readonly sampleType: number;
  readonly stacks: number;
  /** Samples that count nothing or less, which cannot be drawn. */
  readonly ignored: number;
}

/** Reads a file in a worker of its own. Rejects with a FileProblem, or with the signal's reason. */
export async function openFile(
  file: Blob & { readonly name?: string },
  options: OpenOptions = {},
): Promise<OpenedFile> {
  const { signal, sampleType } = options;
  signal?.throwIfAborted();
  const line = new WorkerLine(options.onProgress);
  const stop = (): void => line.close(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    const response = await line.ask({ kind: "open", file, sampleType });
    if (response.kind !== "opened") throw new Error(`the worker answered ${response.kind}`);
    const { format, sampleTypes, stacks, ignored } = response.opened;
    const frames = frameTable(response.opened.frames);
    const engine = new WorkerEngine(line, response.opened, frames);
    const details = {
      name: file.name ?? "",
      format,
      sampleTypes,
      sampleType: response.opened.sampleType,
      stacks,
      ignored,
    };
    return Object.assign(engine, details);
  } catch (error) {
    line.close(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** A tree whose stacks are in a worker. */
export class WorkerEngine implements FlameEngine {
  readonly tree: FlameTree;
  readonly #line: WorkerLine;
  readonly #number: number;
  #running: Promise<unknown> | undefined;
  #next: { readonly query: SearchQuery; readonly answer: PromiseWithResolvers<Matches | SearchProblem> } | undefined;

  constructor(line: WorkerLine, { tree, columns, layout, diffScale }: TreeMessage, frames: FrameTable) {
    this.#line = line;
    this.#number = tree;
    this.tree = new FlameTree(columns, frames, diffScale, layout);
  }

  search(query: SearchQuery): Promise<Matches | SearchProblem> {
    // Whoever waits for an older search gets this one's answer.
    const answer = this.#next?.answer ?? Promise.withResolvers<Matches | SearchProblem>();
    this.#next = { query, answer };
    if (!this.#running) {
      this.#running = this.#searchAll().finally(() => {
        this.#running = undefined;
      });
    }
    return answer.promise;
  }

  async functions(): Promise<FunctionTable> {
    const answer = await this.#line.ask({ kind: "functions", tree: this.#number });
    if (answer.kind !== "functions") throw new Error(`the worker answered ${answer.kind}`);
    return answer.functions;
  }

  async transform(steps: readonly Transform[], options: BuildOptions = {}): Promise<FlameEngine> {
    const { minShare = 0, diffScale = this.tree.diffScale } = options;
    const answer = await this.#line.ask({
      kind: "transform",
      tree: this.#number,
      steps,
      options: { minShare, diffScale },
    });
    if (answer.kind !== "tree") throw new Error(`the worker answered ${answer.kind}`);
    return new WorkerEngine(this.#line, answer.tree, this.tree.frames);
  }

  /** The stacks as a file of another tool: `exportGraph` asks for it. */
  async export(format: ExportFormat): Promise<Blob> {
    const answer = await this.#line.ask({ kind: "export", graph: this.#number, format });
    if (answer.kind !== "exported") throw new Error(`the worker answered ${answer.kind}`);
    return answer.file;
  }

  /** The file's own tree ends the worker, a transformed one is only forgotten. */
  close(): void {
    if (this.#number === 0) this.#line.close(undefined);
    else this.#line.forget(this.#number);
  }

  async #searchAll(): Promise<void> {
    while (this.#next) {
      const { query, answer } = this.#next;
      this.#next = undefined;
      try {
        const response = await this.#line.ask({ kind: "search", tree: this.#number, query });
        if (response.kind === "matches") answer.resolve(response.matches);
        else answer.reject(new Error(`the worker answered ${response.kind}`));
      } catch (error) {
        answer.reject(error);
      }
    }
  }
}
