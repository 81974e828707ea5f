import type { Plan, ProfileStore, TimeRange } from "#store";
import type { Coverage } from "../api.ts";
import type { StackEntries } from "../flame/stack-source.ts";
import type { Attribution, Groups } from "./groups.ts";

/** The time that an answer really speaks of: not before the first sample, not after the last one that can be seen. */
export function coveredTime(store: ProfileStore, { covered }: Plan): TimeRange {
  const { oldest, visibleUpTo } = store.state();
  const from = Math.max(covered.from, oldest ?? covered.from);
  return { from, to: Math.max(from, Math.min(covered.to, visibleUpTo)) };
}

/** Nanoseconds of CPU time as average CPUs. */
export function coresOf(nanoseconds: number, { from, to }: TimeRange): number {
  return to <= from ? 0 : nanoseconds / ((to - from) * 1e6);
}

/** Sums what is not attributed and what is not named. */
export function sumByAttribution(groups: Groups, { length, group, value }: Omit<StackEntries, "node">) {
  const sums: Record<Attribution, number> = { known: 0, unnamed: 0, unattributed: 0 };
  for (let at = 0; at < length; at++) sums[groups.list[group[at]!]!.attribution] += value[at]!;
  return {
    total: sums.known + sums.unnamed + sums.unattributed,
    unnamed: sums.unnamed,
    unattributed: sums.unattributed,
  };
}

/** What an answer's numbers leave out. */
export function coverageOf(
  store: ProfileStore,
  plan: Plan,
  sums: ReturnType<typeof sumByAttribution>,
  truncated: number,
): Coverage {
  let lost = 0;
  for (const count of store.state().lost.values()) lost += count;
  return {
    ...coveredTime(store, plan),
    visibleUpTo: store.state().visibleUpTo,
    ...sums,
    truncated,
    lost,
    gaps: plan.gaps,
    plan: describePlan(plan),
  };
}

function describePlan({ tiers, blocks, rows }: Plan): string {
  const from = tiers.length === 0 ? "nothing" : tiers.join(", ");
  return blocks === 0 ? `${rows} rows of ${from}` : `${rows} rows of ${from} in ${blocks} blocks`;
}
