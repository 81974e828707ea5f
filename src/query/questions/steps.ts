const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps that people read easily; the shortest is the store's finest bucket. */
const NICE = [
  ...[10, 15, 20, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 4, 6, 12].map((count) => count * HOUR),
];

/** The next longer step that people read easily; whole days beyond. Milliseconds. */
export function niceStep(least: number): number {
  return NICE.find((step) => step >= least) ?? Math.ceil(least / DAY) * DAY;
}
