/**
 * What becomes of a request, as a signal: loading with progress, there, failed, cancelled. While an answer is asked for
 * again the last one stays, so that live pages don't flicker; a newer request aborts an older one.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../api/client.ts";

export type Loading<T> =
  | { readonly kind: "idle" }
  | {
      readonly kind: "loading";
      /** When it began, by `performance.now()`. */
      readonly since: number;
      /** Bytes that have arrived. */
      readonly received: number;
      /** The answer before; undefined when the question was another one. */
      readonly previous: T | undefined;
    }
  | { readonly kind: "ready"; readonly value: T }
  | { readonly kind: "failed"; readonly error: ApiError; readonly previous: T | undefined }
  | { readonly kind: "cancelled" };

/** Asks with a signal to heed and a function to tell progress to. */
export type Ask<T> = (signal: AbortSignal, progress: (received: number) => void) => Promise<T>;

/** One place of the page that shows answers to one kind of question. */
export class Loader<T> {
  readonly #state = signal<Loading<T>>({ kind: "idle" });
  #abort: AbortController | undefined;
  #question: string | undefined;
  #ask: Ask<T> | undefined;

  get state(): ReadonlySignal<Loading<T>> {
    return this.#state;
  }

  /** The newest answer, also while it is asked for again. */
  get value(): T | undefined {
    return valueOf(this.#state.value);
  }

  /** @param question the same text: the same question, so its last answer may stay while loading */
  async load(question: string, ask: Ask<T>): Promise<void> {
    const last = this.#state.peek();
    // A question that is already on its way is not asked twice: a slow server would never get to answer.
    if (last.kind === "loading" && this.#question === question) return;
    const previous = this.#question === question ? valueOf(last) : undefined;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#question = question;
    this.#ask = ask;
    const since = performance.now();
    this.#state.value = { kind: "loading", since, received: 0, previous };
    const progress = (received: number): void => {
      if (!abort.signal.aborted) this.#state.value = { kind: "loading", since, received, previous };
    };
    try {
      const value = await ask(abort.signal, progress);
      if (!abort.signal.aborted) this.#state.value = { kind: "ready", value };
    } catch (error) {
      if (!abort.signal.aborted) this.#state.value = { kind: "failed", error: asApiError(error), previous };
    }
  }

  /** The same question once more, e.g. after an error. */
  async again(): Promise<void> {
    if (this.#question !== undefined && this.#ask) await this.load(this.#question, this.#ask);
  }

  /** Stops waiting; what was there before stays. */
  cancel(): void {
    this.#abort?.abort();
    const last = this.#state.peek();
    if (last.kind !== "loading") return;
    this.#state.value = last.previous === undefined ? { kind: "cancelled" } : { kind: "ready", value: last.previous };
  }

  /** Forgets the answer and lets go of a request that is on its way. */
  dispose(): void {
    this.#abort?.abort();
    this.#question = undefined;
    this.#state.value = { kind: "idle" };
  }
}

function valueOf<T>(state: Loading<T>): T | undefined {
  if (state.kind === "ready") return state.value;
  return state.kind === "loading" || state.kind === "failed" ? state.previous : undefined;
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError("page", message, "Reload the page. If it happens again, it is a bug of podflame's page.", {
    cause: error,
  });
}
