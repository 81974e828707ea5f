import { halvesOf } from "../profiles/model-builder.ts";
import type { ProfileRecord, Samples } from "../profiles/model.ts";
import { SampleColumns } from "./sample-columns.ts";
import type { LossLog } from "./losses.ts";
import type { DictionaryRebuilder } from "./rebuild-dictionary.ts";

/** What samples are upgraded with. */
export interface SampleUpgrade {
  readonly rebuilder: DictionaryRebuilder;
  readonly losses: LossLog;
  /** How many of the profile's types get samples; those behind are not looked at. */
  readonly types: number;
  /** How many types the profile came with. */
  readonly sentTypes: number;
  /** For each type, whether it counts events, so that timestamps alone can say its values. */
  readonly counts: readonly boolean[];
}

/** What becomes of one sample in the profile of one type. */
const Shape = { NOTHING: 0, VALUE: 1, TIMESTAMPS: 2, BOTH: 3, SUM: 4 } as const;
type Shape = (typeof Shape)[keyof typeof Shape];

/**
 * The samples of a profile for each of its types, by the rules of today: one value, or one for each timestamp, or
 * timestamps alone, which count one each. Totals never change; where timestamps cannot go with a value they are
 * dropped and counted, as are samples that say nothing.
 */
export function upgradeSamples(profile: ProfileRecord, upgrade: SampleUpgrade): Samples[] {
  const { samples } = profile;
  const { rebuilder, losses, types } = upgrade;
  const builders = Array.from({ length: types }, () => new SampleColumns(samples, types === 1));
  const values = halvesOf(samples.values);
  const timestamps = halvesOf(samples.timestamps);
  const attributes: number[] = [];
  for (let at = 0; at < samples.length; at++) {
    const valueCount = samples.valueOffsets[at + 1]! - samples.valueOffsets[at]!;
    const timestampCount = samples.timestampOffsets[at + 1]! - samples.timestampOffsets[at]!;
    if (samples.stacktraceId && samples.stacktraceId[at] !== 0) losses.add("stack-hash");
    if (samples.unknown.size > 0 && samples.unknown.has(at)) losses.add("unknown-fields");
    if (valueCount === 0 && timestampCount === 0) {
      losses.add("empty-sample");
      continue;
    }
    const stack = rebuilder.stack(samples.stack[at]!);
    const link = rebuilder.link(samples.link[at]!);
    mapAttributes(samples, at, upgrade, attributes);
    for (let type = 0; type < types; type++) {
      const shape = types === 1 ? shapeOfOnly(samples, at, losses) : shapeOfOne(samples, at, type, upgrade);
      if (shape === Shape.NOTHING) continue;
      const builder = builders[type]!;
      builder.pushAttributes(attributes);
      pushNumbers(builder, samples, at, type, shape, values, timestamps);
      builder.close(stack, link);
    }
  }
  return builders.map((builder) => builder.finish());
}

function mapAttributes(samples: Samples, at: number, { rebuilder, losses }: SampleUpgrade, to: number[]): void {
  to.length = 0;
  const start = samples.attributeOffsets[at]!;
  const end = samples.attributeOffsets[at + 1]!;
  if (start === end) return;
  rebuilder.beginOwner();
  for (let one = start; one < end; one++) {
    const attribute = rebuilder.attribute(samples.attributes[one]!);
    if (attribute === 0) continue;
    if (rebuilder.isFirst(attribute)) to.push(attribute);
    else rebuilder.foldLabel(samples.attributes[one]!, attribute, to, losses);
  }
}

/** The profile has one type. */
function shapeOfOnly(samples: Samples, at: number, losses: LossLog): Shape {
  const from = samples.valueOffsets[at]!;
  const valueCount = samples.valueOffsets[at + 1]! - from;
  const timestampCount = samples.timestampOffsets[at + 1]! - samples.timestampOffsets[at]!;
  if (valueCount === 0) return Shape.TIMESTAMPS;
  if (timestampCount === 0 && valueCount === 1) return Shape.VALUE;
  if (valueCount === timestampCount) return Shape.BOTH;
  if (valueCount !== 1) {
    losses.add("values-per-type");
    losses.add("timestamps", timestampCount);
    return Shape.SUM;
  }
  // Agents that counted one for each timestamp sent [1] or [how many].
  const value = samples.values[from]!;
  if (value === 1n || value === BigInt(timestampCount)) return Shape.TIMESTAMPS;
  losses.add("timestamps", timestampCount);
  return Shape.VALUE;
}

/** The profile has several types, of which this is one. */
function shapeOfOne(samples: Samples, at: number, type: number, { sentTypes, counts, losses }: SampleUpgrade): Shape {
  const from = samples.valueOffsets[at]!;
  const valueCount = samples.valueOffsets[at + 1]! - from;
  const timestampCount = samples.timestampOffsets[at + 1]! - samples.timestampOffsets[at]!;
  if (type === 0 && valueCount !== sentTypes) losses.add("values-per-type");
  if (valueCount === 0) return type === Math.max(0, counts.indexOf(true)) ? Shape.TIMESTAMPS : Shape.NOTHING;
  if (type >= valueCount) return Shape.NOTHING;
  if (timestampCount === 0) return Shape.VALUE;
  if (timestampCount === 1) return Shape.BOTH;
  if (counts[type] && samples.values[from + type] === BigInt(timestampCount)) return Shape.TIMESTAMPS;
  losses.add("timestamps", timestampCount);
  return Shape.VALUE;
}

function pushNumbers(
  to: SampleColumns,
  samples: Samples,
  at: number,
  type: number,
  shape: Shape,
  values: Int32Array,
  timestamps: Int32Array,
): void {
  const from = samples.valueOffsets[at]!;
  const valueEnd = samples.valueOffsets[at + 1]!;
  const start = samples.timestampOffsets[at]!;
  const end = samples.timestampOffsets[at + 1]!;
  if (shape === Shape.SUM) {
    let sum = 0n;
    for (let value = from; value < valueEnd; value++) sum += samples.values[value]!;
    to.pushSum(BigInt.asIntN(64, sum));
  } else if (shape === Shape.BOTH && valueEnd - from === end - start) {
    for (let value = from; value < valueEnd; value++) to.pushValue(values[value * 2]!, values[value * 2 + 1]!);
  } else if (shape !== Shape.TIMESTAMPS) {
    const value = (from + type) * 2;
    to.pushValue(values[value]!, values[value + 1]!);
  }
  if (shape === Shape.TIMESTAMPS || shape === Shape.BOTH) {
    for (let one = start; one < end; one++) to.pushTimestamp(timestamps[one * 2]!, timestamps[one * 2 + 1]!);
  }
}
