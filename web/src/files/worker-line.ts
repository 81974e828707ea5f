import { FileProblem, type FileProgress } from "./file-profile.ts";
import type { Request, Response } from "./messages.ts";

type Question = Request extends infer One ? (One extends { readonly id: number } ? Omit<One, "id"> : never) : never;
type Answer = Exclude<Response, { kind: "progress" | "failed" }>;

/** A worker, and the questions to it, each with its promise. */
export class WorkerLine {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "profile" });
  readonly #onProgress: ((progress: FileProgress) => void) | undefined;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>();
  #lastId = 0;
  #closed: unknown;

  constructor(onProgress?: (progress: FileProgress) => void) {
    this.#onProgress = onProgress;
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Response>) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      const why = event.message === "" ? "it could not be loaded, or ran out of memory" : event.message;
      this.close(
        new FileProblem(`the worker that reads the file stopped: ${why}`, "reload the page and try a smaller file"),
      );
    });
  }

  ask(question: Question): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed as Error);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id });
    });
  }

  forget(tree: number): void {
    if (this.#closed === undefined) this.#worker.postMessage({ kind: "forget", tree } satisfies Request);
  }

  /** Ends the worker; whoever waits for an answer gets the reason. */
  close(reason: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason ?? new Error("the file was closed");
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(this.#closed);
    this.#waiting.clear();
  }

  #receive(response: Response): void {
    if (response.kind === "progress") return this.#onProgress?.(response.progress);
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (response.kind === "failed") waiting?.reject(new FileProblem(response.message, response.remedy));
    else waiting?.resolve(response);
  }
}
