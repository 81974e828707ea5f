import type { Clock } from "#telemetry";

/**
 * How often a peer may do what costs it nothing and us something: a bucket of tokens that fills with time, and with
 * work that is worth having. The clock is read only when the bucket is empty.
 */
export class FloodGuard {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** Takes a token. Returns whether there was one. */
  take(): boolean {
    if (this.#tokens < 1) {
      const nowMs = this.#clock.monotonicMs();
      this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#perSecond);
      this.#filledMs = nowMs;
      if (this.#tokens < 1) return false;
    }
    this.#tokens--;
    return true;
  }

  /** The peer did something useful. */
  earn(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }
}
