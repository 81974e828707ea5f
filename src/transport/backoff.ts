/** Delays between connection attempts, as gRPC's doc/connection-backoff.md: 1 s, times 1.6, to 120 s, ±20 %. */
export class ConnectionBackoff {
  readonly #random: () => number;
  #nextMs = 1000;

  /** @param random gives numbers in [0, 1); for tests */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** How long to wait after the failure that just happened. */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(120_000, delayMs * 1.6);
    return delayMs * (0.8 + 0.4 * this.#random());
  }

  /** A connection came about. */
  reset(): void {
    this.#nextMs = 1000;
  }
}
