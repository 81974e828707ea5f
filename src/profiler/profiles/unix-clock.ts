import type { Clock } from "#telemetry";

/** What the wall clock's resolution of a millisecond leaves open, and a little for the time between two readings. */
const UNCERTAINTY_NS = 1_200_000;
const NS_PER_MS = 1_000_000;

/**
 * From the kernel's monotonic clock to Unix time, good to a millisecond. The wall clock is cut to milliseconds, so each
 * observation is a lower bound of the offset: the highest so far is taken, until one that is lower by more than the
 * cut explains shows that the wall clock was set back.
 */
export class UnixClock {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #monotonicNs: () => bigint;
  #offsetNs: bigint | undefined;

  /** @param monotonicNs CLOCK_MONOTONIC as the kernel's records have it */
  constructor(clock: Pick<Clock, "nowMs">, monotonicNs: () => bigint) {
    this.#clock = clock;
    this.#monotonicNs = monotonicNs;
  }

  /** Nanoseconds to add to CLOCK_MONOTONIC. Reads both clocks; to be called for each request. */
  offsetNs(): bigint {
    const lowest = BigInt(Math.floor(this.#clock.nowMs())) * BigInt(NS_PER_MS) - this.#monotonicNs();
    const known = this.#offsetNs;
    if (known === undefined || lowest > known || known - lowest > UNCERTAINTY_NS) this.#offsetNs = lowest;
    return this.#offsetNs ?? lowest;
  }
}
