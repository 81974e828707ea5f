import type { ProfileRecord } from "#otlp";
import { sampleValue } from "./sample-values.ts";

/** One moment at which a stack was seen. */
export interface TimedSample {
  /** Epoch nanoseconds; undefined where the profile doesn't say it. */
  readonly at: bigint | undefined;
  /** Position in the profile's samples. */
  readonly sample: number;
  readonly stack: number;
  readonly weight: number;
}

/**
 * The samples of one type as moments: a sample with several timestamps is that many, each with its own value or its
 * share of the only one. In the order of time, those without one first, in theirs.
 */
export function timedSamples(profile: ProfileRecord, type: number): TimedSample[] {
  const { samples } = profile;
  const found: TimedSample[] = [];
  for (let sample = 0; sample < samples.length; sample++) {
    const value = Number(sampleValue(profile, sample, type));
    const stack = samples.stack[sample]!;
    const first = samples.timestampOffsets[sample]!;
    const count = samples.timestampOffsets[sample + 1]! - first;
    const firstValue = samples.valueOffsets[sample]!;
    const paired = profile.types.length <= 1 && samples.valueOffsets[sample + 1]! - firstValue === count;
    if (count === 0) found.push({ at: undefined, sample, stack, weight: value });
    for (let at = 0; at < count; at++) {
      const weight = paired ? Number(samples.values[firstValue + at]!) : value / count;
      found.push({ at: samples.timestamps[first + at]!, sample, stack, weight });
    }
  }
  return found.sort((a, b) => compare(a.at ?? 0n, b.at ?? 0n));
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
