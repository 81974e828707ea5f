import type { ArrivalKey } from "./arrivals.ts";

/** Some 1 MiB. A node has a few hundred pods; this is for those that say why they couldn't name something. */
const MAX_KEYS = 4_096;

/**
 * The keys of pods and containers that were known once and are forgotten: the latest few thousand. Nobody is named by
 * them; they tell what came too late from what was never seen.
 */
export class DepartedKeys {
  /** In the order in which they were forgotten. */
  readonly #keys = new Set<ArrivalKey>();
  readonly #max: number;

  constructor(max = MAX_KEYS) {
    this.#max = max;
  }

  /** Whether it is worth making a key to ask for. */
  get any(): boolean {
    return this.#keys.size > 0;
  }

  has(key: ArrivalKey): boolean {
    return this.#keys.has(key);
  }

  /** @internal */
  add(key: ArrivalKey | undefined): void {
    if (key === undefined) return;
    this.#keys.delete(key);
    this.#keys.add(key);
    for (const oldest of this.#keys) {
      if (this.#keys.size <= this.#max) break;
      this.#keys.delete(oldest);
    }
  }
}
