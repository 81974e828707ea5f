/** Times to compare with. */
import { resolveTime } from "../format/times.ts";
import type { Selection } from "../state/page-state.ts";

/** The same selection in the stretch of time right before; relative where the selection is, so that it moves along. */
export function before({ query, from, to }: Selection, now: number): Selection {
  const [start, end] = [resolveTime(from, now) ?? now - 900_000, resolveTime(to, now) ?? now];
  const length = Math.max(1000, end - start);
  if (!to.startsWith("now")) return { query, from: String(start - length), to: String(start) };
  const seconds = (time: number): string => `now-${Math.round((now - time) / 1000)}s`;
  return { query, from: seconds(start - length), to: seconds(start) };
}
