import type { TimeRange } from "#store";
import { QueryError } from "../query-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[smhdwy])/g;
const RELATIVE = /^now(?:([+-])(.+))?$/;
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;
/** Where a plus may stand: in an address that nobody encoded it reads as a space. */
const LOST_PLUS = /(?<=^now|\d[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (?=\d)/i;
/** Seconds until the year 5138; milliseconds from 1973 on. */
const FIRST_MILLISECONDS = 1e11;
const FIRST_NANOSECONDS = 1e16;
/** Beyond that there are no dates. */
const LAST_DATE = 8.64e15;

/** What was asked for without a time: the last hour. */
const DEFAULT_RANGE_MS = UNIT_MS["h"]!;
/** Ten years: more is a mistake in units. */
const MAX_RANGE_MS = 10 * UNIT_MS["y"]!;

/**
 * Milliseconds since 1970 of what people and scripts write: `now`, `now-1h30m`, RFC 3339 (UTC where no zone is told),
 * seconds, milliseconds or nanoseconds since 1970.
 * @throws QueryError "invalid"
 */
export function parseTime(text: string, now: number): number {
  const time = timeOf(text, now);
  if (time !== undefined && Math.abs(time) <= LAST_DATE) return time;
  throw new QueryError(
    "invalid",
    `not a time: ${text.slice(0, 64)}`,
    "Write now-1h, 2026-11-22T10:00:00Z, or seconds or milliseconds since 1970.",
  );
}

function timeOf(asked: string, now: number): number | undefined {
  const text = asked.trim().replace(LOST_PLUS, "+");
  const relative = RELATIVE.exec(text);
  if (relative) {
    if (relative[1] === undefined) return now;
    const distance = parseDuration(relative[2]!);
    return relative[1] === "-" ? now - distance : now + distance;
  }
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    const number = Number(text);
    if (number >= FIRST_NANOSECONDS) return number / 1e6;
    return number >= FIRST_MILLISECONDS ? number : number * 1000;
  }
  if (DATE.test(text)) {
    const isLocal = text.length > 10 && !/(?:Z|[+-]\d{2}:?\d{2})$/i.test(text);
    const time = Date.parse(isLocal ? `${text.replace(" ", "T")}Z` : text.replace(" ", "T"));
    if (!Number.isNaN(time)) return time;
  }
  return undefined;
}

/** Milliseconds of `90s`, `1h30m`; a number without a unit is seconds. @throws QueryError "invalid" */
export function parseDuration(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!DURATION.test(text)) {
    throw new QueryError("invalid", `not a duration: ${text.slice(0, 64)}`, "Write 90s, 15m, 1h30m or 7d.");
  }
  let sum = 0;
  for (const [, count, unit] of text.matchAll(PART)) sum += Number(count) * UNIT_MS[unit!]!;
  return sum;
}

/** The time between two times; the last hour where they are absent. @throws QueryError "invalid" */
export function rangeOf(from: number | undefined, to: number | undefined, now: number): TimeRange {
  const range = { from: from ?? now - DEFAULT_RANGE_MS, to: to ?? now };
  if (range.from >= range.to) {
    const told = `${new Date(range.from).toISOString()} to ${new Date(range.to).toISOString()}`;
    throw new QueryError("invalid", `the time is empty: ${told}`, "`from` must be earlier than `to`.");
  }
  if (range.to - range.from > MAX_RANGE_MS) {
    throw new QueryError("invalid", "the time is longer than ten years", "Look at the units of `from` and `to`.");
  }
  return range;
}
