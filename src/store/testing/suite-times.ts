const MINUTE = 60_000;

/** Two hours ago, at a whole hour: no bucket of any tier is cut by it. */
export const START = (Math.floor(Date.now() / (60 * MINUTE)) - 2) * 60 * MINUTE;

/** Milliseconds of so many minutes after `START`. */
export function minutes(count: number): number {
  return START + count * MINUTE;
}

/** The hour that the suite's samples are in. */
export const HOUR = { from: START, to: minutes(60) } as const;
