/** Resolution of event times that are kept, milliseconds. Finer ones are near their entropy: 0.5 bytes an event more. */
export const RAW_TICK_MS = 10;

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;

/** Resolutions of stored sums. */
export interface Tier {
  /** Seconds of a bucket; the tier's number in the catalogue. */
  readonly step: number;
  /** Seconds of a slot of the service totals, a multiple of `step`. */
  readonly slot: number;
  /** As a plan tells it. */
  readonly name: string;
}

export const FINE: Tier = { step: 10, slot: 600, name: "10s" };
export const MINUTES: Tier = { step: 60, slot: HOUR_SECONDS, name: "60s" };
export const COARSE: Tier = { step: 300, slot: 6 * HOUR_SECONDS, name: "5m" };

/** The finest first. */
export const TIERS: readonly Tier[] = [FINE, MINUTES, COARSE];

/** What a range that long is answered from, where it is there: about 4,000 steps at most. */
export function tierFor(rangeMs: number): Tier {
  if (rangeMs <= 12 * HOUR_SECONDS * 1000) return FINE;
  return rangeMs <= 8 * DAY_SECONDS * 1000 ? MINUTES : COARSE;
}
