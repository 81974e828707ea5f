import type { ProfileRecord, ScopeRecord, ProfilesModel, ResourceRecord } from "#otlp";

/**
 * What a sample counts for one of its profile's types, whatever layout it came in. One type: the sum of its values, or
 * the number of its timestamps where it has no values; a single 1 with several timestamps (profilers up to D7) counts
 * as many. Several types (up to D7): the value at the type's position.
 */
export function sampleValue({ types, samples }: ProfileRecord, sample: number, type = 0): bigint {
  const start = samples.valueOffsets[sample]!;
  const count = samples.valueOffsets[sample + 1]! - start;
  const timestamps = samples.timestampOffsets[sample + 1]! - samples.timestampOffsets[sample]!;
  if (types.length > 1)
    return count === 0 && type === 0 ? BigInt(timestamps) : type < count ? samples.values[start + type]! : 0n;
  if (count === 0) return BigInt(timestamps);
  const first = samples.values[start]!;
  if (count === 1) return first === 1n && timestamps > 1 ? BigInt(timestamps) : first;
  let sum = first;
  for (let at = start + 1; at < start + count; at++) sum += samples.values[at]!;
  return BigInt.asIntN(64, sum);
}

/** A profile and where it stands. */
export interface PlacedProfile {
  readonly resource: ResourceRecord;
  readonly scope: ScopeRecord;
  readonly profile: ProfileRecord;
}

/** All profiles in order. */
export function* profilesOf(model: ProfilesModel): Generator<PlacedProfile> {
  for (const resource of model.resources) {
    for (const scope of resource.scopes) for (const profile of scope.profiles) yield { resource, scope, profile };
  }
}
