import { QueryError } from "../query-error.ts";

/** How many questions are answered at once. */
export interface AdmissionLimits {
  readonly concurrent: number;
  /** Questions that may wait for one of those; further ones are refused at once. */
  readonly waiting: number;
  readonly timeoutMs: number;
}

export const DEFAULT_ADMISSION: AdmissionLimits = { concurrent: 8, waiting: 64, timeoutMs: 30_000 };

/** Lets so many questions through at a time, and tells each when its time is up. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /**
   * Runs a question when it is its turn.
   * @param client aborts when nobody waits for the answer any more
   * @throws QueryError "overloaded", "timeout", "cancelled"
   */
  async run<T>(client: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(this.#limits.timeoutMs);
    const signal = AbortSignal.any([client, timeout]);
    try {
      await this.#enter(signal);
      try {
        signal.throwIfAborted();
        return await ask(signal);
      } finally {
        this.#running--;
        this.#waiting.shift()?.();
      }
    } catch (error) {
      // However the store puts it: what counts is whose signal it was.
      if (client.aborted)
        throw new QueryError("cancelled", "nobody waits for the answer any more", "", { cause: error });
      if (!timeout.aborted) throw error;
      const seconds = this.#limits.timeoutMs / 1000;
      const remedy = "Ask for a shorter time or a narrower selection.";
      throw new QueryError("timeout", `the query took longer than ${seconds} s`, remedy, { cause: error });
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (this.#running < this.#limits.concurrent) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= this.#limits.waiting) {
      throw new QueryError(
        "overloaded",
        `${this.#running} queries are running and ${this.#waiting.length} wait`,
        "Try again in a few seconds.",
      );
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener("abort", leave);
        this.#running++;
        resolve();
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(start);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(start);
    });
  }
}
