import type { ArrivalKey } from "./arrivals.ts";

/** Some 1 MiB. A node has a few hundred pods; this is for those that say why they couldn't name something. */
const MAX_KEYS = 4_096;

/**
 * Keys of pods and containers that something happened to, with when: the latest few thousand. Nobody is named by them;
 * they tell what came too late, or was left out, from what was never seen.
 */
export class RecentKeys {
  /** In the order in which they were added. */
  readonly #sinceMs = new Map<ArrivalKey, number>();
  readonly #max: number;

  constructor(max = MAX_KEYS) {
    this.#max = max;
  }

  /** Whether it is worth making a key to ask for. */
  get any(): boolean {
    return this.#sinceMs.size > 0;
  }

  /** Monotonic time since when; undefined for a key that isn't one of them. */
  sinceOf(key: ArrivalKey): number | undefined {
    return this.#sinceMs.get(key);
  }

  /** @internal */
  add(key: ArrivalKey | undefined, sinceMs: number): void {
    if (key === undefined) return;
    this.#sinceMs.delete(key);
    this.#sinceMs.set(key, sinceMs);
    if (this.#sinceMs.size > this.#max) this.#sinceMs.delete(this.#sinceMs.keys().next().value!);
  }
}
