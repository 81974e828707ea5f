/** Points and stretches of time as people read and write them. All times are local, as on the reader's clock. */

const two = (value: number): string => String(value).padStart(2, "0");

/** `14:03:07`, with the day in front where it isn't today's. Milliseconds since 1970. */
export function formatTime(time: number, now = Date.now()): string {
  const date = new Date(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return new Date(now).toDateString() === date.toDateString() ? clock : `${formatDay(date)} ${clock}`;
}

function formatDay(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `14:00:00 – 14:15:00`; the day is said once. */
export function formatRange(from: number, to: number, now = Date.now()): string {
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString();
  return `${formatTime(from, now)} – ${sameDay ? formatTime(to, to) : formatTime(to, now)}`;
}

/** A length in milliseconds in whole units: `90 s`, `15 min`, `1 h`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120 && minutes !== 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** For `<input type="datetime-local">`. */
export function toInputTime(time: number): string {
  const date = new Date(time);
  return `${formatDay(date)}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/**
 * The millisecond that a time of the URL stands for: a number, `now`, or `now-15m`. Undefined for anything else.
 */
export function resolveTime(text: string, now: number): number | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const match = /^now(?:-(\d{1,9})(ms|s|m|h|d|w))?$/.exec(text);
  if (!match) return undefined;
  return now - Number(match[1] ?? 0) * UNIT_MS[match[2] ?? "s"]!;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
