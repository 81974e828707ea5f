const SECOND = 1_000_000_000n;
/** Dates end in the year 275760. */
const LAST_SECOND = 8_640_000_000_000n;

/** Nanoseconds since the epoch as UTC to the millisecond. */
export function showTime(unixNano: bigint): string {
  const seconds = unixNano / SECOND;
  if (unixNano < 0n || seconds > LAST_SECOND) return `${unixNano} ns`;
  return new Date(Number(unixNano / 1_000_000n)).toISOString().replace("T", " ");
}

/** Nanoseconds in the largest unit that leaves at most three decimals. */
export function showDuration(nanos: bigint): string {
  const value = Number(nanos);
  if (Math.abs(value) >= 1e9) return `${trimmed(value / 1e9)} s`;
  if (Math.abs(value) >= 1e6) return `${trimmed(value / 1e6)} ms`;
  if (Math.abs(value) >= 1e3) return `${trimmed(value / 1e3)} µs`;
  return `${value} ns`;
}

/** A window: its start and how long it is; empty where neither is known. */
export function showSpan(start: bigint, end: bigint): string {
  if (start === 0n && end === 0n) return "";
  return `${start === 0n ? "(no time)" : showTime(start)} + ${showDuration(end - start)}`;
}

function trimmed(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
