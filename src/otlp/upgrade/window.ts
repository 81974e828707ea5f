import type { ProfileRecord, Samples } from "../profiles/model.ts";
import type { LossLog } from "./losses.ts";

/** Start and length of a profile. */
export type Window = Pick<ProfileRecord, "timeUnixNano" | "durationNano">;

/** Timestamps further outside of the window say nothing about it. */
const OUTSIDE_NANOS = 86_400_000_000_000n;

/**
 * The window of an old profile by the rules of today: not negative, and with every timestamp `t` of its samples inside:
 * `time ≤ t < time + duration`. Agents that overwrote the window with each sample need it widened. Timestamps that are
 * 0 or more than a day outside do not widen it: they are counted.
 */
export function windowOf(profile: Window, samples: Samples, losses: LossLog): Window {
  const negative = (profile.timeUnixNano < 0n ? 1 : 0) + (profile.durationNano < 0n ? 1 : 0);
  losses.add("negative-time", negative);
  const time = profile.timeUnixNano > 0n ? profile.timeUnixNano : 0n;
  const duration = profile.durationNano > 0n ? profile.durationNano : 0n;
  const { timestamps } = samples;
  if (timestamps.length === 0) return { timeUnixNano: time, durationNano: duration };

  // Nearly always all timestamps are inside: the cheap question first.
  const seen = extremes(timestamps, 0n, MAX);
  if (seen.min >= time && time > 0n && seen.max < time + duration) {
    return { timeUnixNano: time, durationNano: duration };
  }
  const low = time === 0n ? 1n : time > OUTSIDE_NANOS ? time - OUTSIDE_NANOS : 1n;
  const high = time === 0n ? MAX : time + duration + OUTSIDE_NANOS;
  const near = extremes(timestamps, low, high);
  losses.add("timestamp-outside-window", timestamps.length - near.count);
  if (near.count === 0) return { timeUnixNano: time, durationNano: duration };
  const start = time === 0n || near.min < time ? near.min : time;
  const oldEnd = time === 0n ? start + duration : time + duration;
  const end = near.max + 1n > oldEnd ? near.max + 1n : oldEnd;
  return { timeUnixNano: start, durationNano: end - start };
}

/** The least and the greatest timestamp within `[low, high]`, and how many are within. */
function extremes(timestamps: BigUint64Array, low: bigint, high: bigint): { min: bigint; max: bigint; count: number } {
  let min = MAX;
  let max = 0n;
  let count = 0;
  for (let at = 0; at < timestamps.length; at++) {
    const one = timestamps[at]!;
    if (one < low || one > high) continue;
    count++;
    if (one < min) min = one;
    if (one > max) max = one;
  }
  return { min, max, count };
}

const MAX = 0xffffffffffffffffn;
