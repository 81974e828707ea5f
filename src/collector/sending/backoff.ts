/** How long to keep trying and how long to wait between attempts; upstream's `retry_on_failure`. */
export interface RetrySettings {
  readonly initialIntervalMs: number;
  /** Part of the interval, 0 to 1, by which a delay may be shorter or longer. */
  readonly randomizationFactor: number;
  readonly multiplier: number;
  readonly maxIntervalMs: number;
  /** From the first attempt on; 0 means for ever. */
  readonly maxElapsedMs: number;
}

/** Delays that grow from one failed attempt to the next, spread so that many senders don't come back together. */
export class Backoff {
  readonly #settings: RetrySettings;
  readonly #random: () => number;
  #intervalMs: number;

  /** @param random uniform in [0, 1) */
  constructor(settings: RetrySettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
    this.#intervalMs = settings.initialIntervalMs;
  }

  /** The delay before the next attempt. May pass the longest interval by its random part, as upstream's does. */
  next(): number {
    const { randomizationFactor, multiplier, maxIntervalMs } = this.#settings;
    const spreadMs = this.#intervalMs * randomizationFactor;
    const delayMs = this.#intervalMs - spreadMs + 2 * spreadMs * this.#random();
    this.#intervalMs = Math.min(this.#intervalMs * multiplier, maxIntervalMs);
    return delayMs;
  }
}
