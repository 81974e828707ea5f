import type { Clock } from "#telemetry";

/** Paces requests: `burst` at once after a pause, `perSecond` over time, in the order in which they asked. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Resolves when the caller may go on; rejects with the signal's reason, and its turn is then lost. */
  async take(signal?: AbortSignal): Promise<void> {
    const now = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = now;
    // Below zero: places in the queue that are taken already.
    this.#tokens--;
    if (this.#tokens < 0) await this.#clock.sleep(-this.#tokens / this.#perMs, signal);
  }
}
