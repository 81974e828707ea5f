/**
 * A young store: what is asked for begins with its oldest sample, so that the first minute fills the timeline instead of
 * being a sliver of it, and new answers come faster until there is something to see.
 */
import { computed, type ReadonlySignal } from "@preact/signals";
import { resolveTime } from "../format/times.ts";
import { page } from "./page.ts";
import type { Selection } from "./page-state.ts";
import { status } from "./server.ts";

/** From when to when, as in the address. */
export type Times = Pick<Selection, "from" | "to">;

/**
 * Times without the part before the oldest sample, where there can be nothing.
 * @param oldest milliseconds since 1970; undefined while there are no samples
 */
export function withoutBefore(oldest: number | undefined, times: Times, now: number): Times {
  const [start, end] = [resolveTime(times.from, now), resolveTime(times.to, now)];
  if (oldest === undefined || start === undefined || end === undefined) return times;
  return start < oldest && oldest < end ? { from: String(Math.floor(oldest)), to: times.to } : times;
}

/** The times that the address says, as they are asked for; undefined until the server has said how old its samples are. */
export const shownTimes: ReadonlySignal<Times | undefined> = computed(() => {
  const { from, to } = page.value;
  const { kind } = status.state.value;
  if (!status.value) return kind === "failed" || kind === "cancelled" ? { from, to } : undefined;
  return withoutBefore(status.value.oldest, { from, to }, Date.now());
});

/** Milliseconds from one live answer to the next: by the age of the oldest sample. */
export const liveInterval: ReadonlySignal<number> = computed(() => {
  const oldest = status.value?.oldest;
  if (status.value && oldest === undefined) return WAITING_MS;
  return oldest !== undefined && Date.now() - oldest < YOUNG_MS ? YOUNG_INTERVAL_MS : USUAL_INTERVAL_MS;
});

/** Who waits for the first samples sees them a second after they are there. */
const WAITING_MS = 1000;
/** `podflame up` has new samples every second, and in the first minutes they change the picture. */
const YOUNG_INTERVAL_MS = 3000;
const YOUNG_MS = 3 * 60_000;
const USUAL_INTERVAL_MS = 10_000;
