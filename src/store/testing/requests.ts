import {
  type AttributeValue,
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  loadLayouts,
  ModelBuilder,
  ParseError,
  SamplesBuilder,
} from "#otlp";

/** A sample of a request that a test makes. */
export interface TestSample {
  /** Names of functions, outermost first. `[truncated]` as the first one marks that callers are missing. */
  readonly stack: readonly string[];
  /** Milliseconds; undefined: nobody says when. */
  readonly time?: number;
  /** Default 1. */
  readonly value?: number;
  readonly trace?: string;
  readonly span?: string;
  /** Name of the executable, where it isn't the resource's. */
  readonly process?: string;
}

/** A resource with one profile. */
export interface TestProfile {
  readonly resource: Readonly<Record<string, AttributeValue>>;
  /** Default: hits of a sampler, `samples` of a `cpu` period. */
  readonly type?: readonly [name: string, unit: string];
  /** Nanoseconds of CPU time a hit; default 50,000,000 (20 a second). Only for hits. */
  readonly period?: number;
  readonly samples: readonly TestSample[];
  /** Of the profile, for samples without one. Milliseconds. */
  readonly time?: number;
  /** Further types of the same program, each with its own samples. */
  readonly alongside?: readonly Pick<TestProfile, "type" | "samples" | "time">[];
}

/** The bytes of a request, in the newest layout. */
export async function requestOf(...profiles: readonly TestProfile[]): Promise<Uint8Array> {
  const builder = new ModelBuilder();
  const resources = profiles.map((profile) => resourceOf(builder, profile));
  const { writeProfiles } = await loadLayouts();
  const written = writeProfiles(builder.finish(resources), "D10");
  if (written instanceof ParseError) throw written;
  return written.bytes;
}

function resourceOf(builder: ModelBuilder, { resource, alongside = [], ...first }: TestProfile) {
  const profiles = [first, ...alongside].map((profile) => profileOf(builder, profile));
  return {
    ...EMPTY_RESOURCE,
    resource: encodeResource(Object.entries(resource)),
    scopes: [{ ...EMPTY_SCOPE, profiles }],
  };
}

function profileOf(builder: ModelBuilder, { type, period, samples, time }: Omit<TestProfile, "resource">) {
  const columns = new SamplesBuilder();
  for (const sample of samples) addSample(builder, columns, sample);
  const valueType = ([name, unit]: readonly [string, string]) => ({
    type: builder.string(name),
    unit: builder.string(unit),
    temporality: 0,
  });
  return {
    ...EMPTY_PROFILE,
    types: [valueType(type ?? ["samples", "count"])],
    ...(type === undefined
      ? { periodType: valueType(["cpu", "nanoseconds"]), period: BigInt(period ?? 50_000_000) }
      : {}),
    timeUnixNano: nanoseconds(time ?? 0),
    samples: columns.finish(),
  };
}

function addSample(builder: ModelBuilder, columns: SamplesBuilder, sample: TestSample): void {
  const attribute = (key: string, value: string): number => builder.attribute(builder.string(key), value);
  const locations = sample.stack.map((name) => {
    const lines = [{ function: builder.function(builder.string(name)), line: 7n }];
    const type = name === "[truncated]" ? "abort-marker" : "native";
    return builder.location({ lines, attributes: [attribute("profile.frame.type", type)] });
  });
  const bytes = (hex: string | undefined, size: number) =>
    hex === undefined ? new Uint8Array(size) : Buffer.from(hex, "hex");
  const hasLink = sample.trace !== undefined || sample.span !== undefined;
  columns.add(
    builder.stack(locations.reverse()),
    sample.process === undefined ? [] : [attribute("process.executable.name", sample.process)],
    hasLink ? builder.link(bytes(sample.trace, 16), bytes(sample.span, 8)) : 0,
    [BigInt(sample.value ?? 1)],
    sample.time === undefined ? [] : [nanoseconds(sample.time)],
  );
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1000)) * 1000n;
}
