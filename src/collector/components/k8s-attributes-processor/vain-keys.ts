import type { ArrivalKey } from "#identity";
import type { Clock } from "#telemetry";

/** A key that nobody sent for so long may be waited for again. */
const FORGET_AFTER_MS = 30_000;
/** About 2 MiB. */
const MAX_KEYS = 10_000;

/**
 * Keys that were waited for in vain: containers that aren't Kubernetes', pods that a filter leaves out, senders outside
 * the cluster. Each delays its data once, and not again while it keeps coming.
 */
export class VainKeys {
  readonly #clock: Clock;
  /** When the key was last sent, the longest ago first. */
  readonly #keys = new Map<ArrivalKey, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Whether the key was waited for in vain and has been sent ever since. */
  has(key: ArrivalKey): boolean {
    const lastMs = this.#keys.get(key);
    if (lastMs === undefined) return false;
    this.#keys.delete(key);
    const nowMs = this.#clock.monotonicMs();
    if (lastMs < nowMs - FORGET_AFTER_MS) return false;
    this.#keys.set(key, nowMs);
    return true;
  }

  add(key: ArrivalKey): void {
    if (this.#keys.size >= MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
    this.#keys.set(key, this.#clock.monotonicMs());
  }
}
