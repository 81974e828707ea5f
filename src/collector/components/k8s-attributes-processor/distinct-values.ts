import type { Clock } from "#telemetry";

/** What was seen counts for so long. Backends pay for what is new, so the count begins anew. */
const WINDOW_MS = 3_600_000;
/** Of all attributes together; some 8 MiB. */
const MAX_TRACKED = 200_000;

/** How many values an attribute had within the hour. */
export interface AttributeValues {
  readonly name: string;
  readonly values: number;
  /** Values that were left out because there were too many; one that comes again counts again. */
  readonly leftOut: number;
}

/**
 * Counts the distinct values that each attribute gets from labels and annotations within an hour, so that a pattern that
 * matches a label with a value a pod can't flood a backend in silence. Keeps hashes, not values: two values that meet in
 * one hash count once, which does no harm. Bounded; what can't be kept any more counts as too many.
 */
export class DistinctValues {
  readonly #clock: Clock;
  readonly #attributes = new Map<string, { readonly hashes: Set<number>; leftOut: number }>();
  #windowBeganMs: number;
  #tracked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#windowBeganMs = clock.monotonicMs();
  }

  /** Whether the attribute may have that value besides those that it had within the hour: `max` of them at most. */
  admit(name: string, value: string, max: number): boolean {
    this.#turn();
    let attribute = this.#attributes.get(name);
    if (attribute === undefined) this.#attributes.set(name, (attribute = { hashes: new Set(), leftOut: 0 }));
    const { hashes } = attribute;
    const hash = hashOf(value);
    if (hashes.has(hash)) return true;
    if (hashes.size < max && this.#tracked < MAX_TRACKED) {
      hashes.add(hash);
      this.#tracked++;
      return true;
    }
    // Without a limit it is only counted, as far as that goes.
    if (max === Infinity) return true;
    attribute.leftOut++;
    return false;
  }

  /** The attributes with the most values first. */
  list(): AttributeValues[] {
    this.#turn();
    return [...this.#attributes]
      .map(([name, { hashes, leftOut }]) => ({ name, values: hashes.size, leftOut }))
      .sort((a, b) => b.values - a.values || (a.name < b.name ? -1 : 1));
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowBeganMs < WINDOW_MS) return;
    this.#windowBeganMs = nowMs;
    this.#attributes.clear();
    this.#tracked = 0;
  }
}

// FNV-1a's prime, and two starts for two lanes: 53 bits, so that 200,000 values meet once in half a million windows.
const PRIME = 0x01000193;
const FIRST_START = 0x811c9dc5;
const SECOND_START = 0x5bd1e995;

function hashOf(text: string): number {
  let [first, second] = [FIRST_START, SECOND_START];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    first = Math.imul(first ^ code, PRIME);
    second = Math.imul(second ^ code ^ at, PRIME) ^ (second >>> 15);
  }
  return (first >>> 0) * 2 ** 21 + (second >>> 11);
}
