import { layoutOrder, type Layout } from "./layout.ts";
import type { ProfileRecord } from "./model.ts";

/** What one sample measured, its values and timestamps put together as its layout means them. */
export interface SampleMeaning {
  /** One for each type of the profile. */
  readonly totals: readonly bigint[];
  readonly timestamps: readonly bigint[];
  /** What each timestamp counts; undefined where values and timestamps do not go together one by one. */
  readonly weights: readonly bigint[] | undefined;
}

/**
 * What sample `index` of a profile says (reference §4.3). Timestamps without values count 1 each. A single value of 1
 * or of the number of timestamps beside several timestamps says the same: old agents sent it so. Up to D7 there is one
 * value for each type; where there are fewer the others are 0, and where there is one type more values are summed.
 */
export function meaningOf(profile: ProfileRecord, layout: Layout, index: number): SampleMeaning {
  const { samples } = profile;
  const values = samples.values.subarray(samples.valueOffsets[index], samples.valueOffsets[index + 1]);
  const stamps = samples.timestamps.subarray(samples.timestampOffsets[index], samples.timestampOffsets[index + 1]);
  const timestamps = Array.from(stamps);
  const count = BigInt(timestamps.length);
  const types = profile.types.length;
  if (types > 1 && layoutOrder(layout) < layoutOrder("D8") && !sameTypes(profile)) {
    const totals = profile.types.map((_type, at) => values[at] ?? 0n);
    return { totals: values.length === 0 ? totals.fill(count) : totals, timestamps, weights: undefined };
  }
  const rest = Array.from<bigint>({ length: Math.max(0, types - 1) }).fill(0n);
  if (values.length === 0 || isCount(values, count)) {
    return { totals: [count, ...rest], timestamps, weights: timestamps.map(() => 1n) };
  }
  const sum = values.reduce((total, value) => total + value, 0n);
  const weights = values.length === timestamps.length ? Array.from(values) : undefined;
  return { totals: [sum, ...rest], timestamps, weights };
}

function isCount(values: BigInt64Array, timestamps: bigint): boolean {
  return values.length === 1 && timestamps > 1n && (values[0] === 1n || values[0] === timestamps);
}

/** An agent of 2024 repeated its type for each sample. */
function sameTypes({ types }: ProfileRecord): boolean {
  const first = types[0]!;
  return types.length > 1 && types.every(({ type, unit }) => type === first.type && unit === first.unit);
}
