/** Times to compare with. */
import { resolveTime } from "../format/times.ts";
import type { PageState, Selection } from "../state/page-state.ts";

/** Both sides of a comparison, as the address has them. */
export type Sides = Pick<PageState, "query" | "from" | "to" | "other">;

/**
 * A selection beside itself in the stretch of time right before, of the same length; relative where the selection is, so
 * that both move along. Where the samples don't reach back that far, the halves of the time that there are samples of.
 * @param oldest sample, milliseconds since 1970; undefined where not known
 */
export function besideBefore({ query, from, to }: Selection, oldest: number | undefined, now: number): Sides {
  const [start, end] = [resolveTime(from, now) ?? now - 900_000, resolveTime(to, now) ?? now];
  const length = Math.max(1000, end - start);
  const isYoung = oldest !== undefined && oldest > start - length && oldest < end;
  const half = isYoung ? Math.max(1000, (end - oldest) / 2) : length;
  const middle = end - half;
  const time = (at: number): string =>
    to.startsWith("now") ? `now-${Math.round((now - at) / 1000)}s` : String(Math.round(at));
  return {
    query,
    from: isYoung ? time(middle) : from,
    to,
    other: { query, from: time(middle - half), to: time(middle) },
  };
}
