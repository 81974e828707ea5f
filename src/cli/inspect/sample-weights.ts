import type { ProfileRecord } from "#otlp";

/**
 * What a sample weighs by one of its profile's types. Timestamps without values count 1 each; so does a single 1 with
 * several timestamps, as agents up to 1.8 wrote it. Exact below 2^53.
 *
 * @param type position in `profile.types`
 */
export function sampleWeight(profile: ProfileRecord, sample: number, type: number): number {
  const { valueOffsets, values, timestampOffsets } = profile.samples;
  const start = valueOffsets[sample]!;
  const count = valueOffsets[sample + 1]! - start;
  const timestamps = timestampOffsets[sample + 1]! - timestampOffsets[sample]!;
  if (count === 0) return timestamps;
  if (profile.types.length > 1) return type < count ? Number(values[start + type]!) : 0;
  if (count === 1) {
    const value = Number(values[start]!);
    return value === 1 && timestamps > 1 ? timestamps : value;
  }
  let sum = 0;
  for (let at = start; at < start + count; at++) sum += Number(values[at]!);
  return sum;
}
