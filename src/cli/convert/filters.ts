import { InvalidArgumentError } from "commander";
import { type AttributeValue, type ProfileRecord, type ProfilesModel, SamplesBuilder } from "#otlp";
import { modelResources } from "../inspect/model-resources.ts";

/** What of the input goes on. */
export interface Filters {
  /** Resource attributes that must all have that value. */
  readonly resource: readonly ResourceFilter[];
  readonly time: TimeFilter | undefined;
  /** Name of the sample type. */
  readonly type: string | undefined;
}

export interface ResourceFilter {
  readonly key: string;
  readonly value: string;
}

/** Nanoseconds since the epoch, the end excluded. */
export interface TimeFilter {
  readonly from: bigint;
  readonly to: bigint;
}

/** `key=value`. */
export function resourceFilterOption(text: string, before: readonly ResourceFilter[] = []): ResourceFilter[] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("expected key=value, such as k8s.pod.name=checkout-0.");
  return [...before, { key: text.slice(0, equals), value: text.slice(equals + 1) }];
}

/** `FROM..TO`; either may be left out. Times are RFC 3339, or seconds or nanoseconds since the epoch. */
export function timeFilterOption(text: string): TimeFilter {
  const [from, to, ...more] = text.split("..");
  if (from === undefined || to === undefined || more.length > 0) {
    throw new InvalidArgumentError("expected FROM..TO, such as 2026-11-22T10:00:00Z..2026-11-22T10:05:00Z.");
  }
  const filter = { from: from === "" ? 0n : instantOf(from), to: to === "" ? END_OF_TIME : instantOf(to) };
  if (filter.from >= filter.to) throw new InvalidArgumentError("the end is not after the start.");
  return filter;
}

const END_OF_TIME = 2n ** 64n - 1n;
/** Numbers below are seconds: as nanoseconds they would be in January 1970. */
const LARGEST_SECONDS = 1e14;

function instantOf(text: string): bigint {
  if (/^\d{1,20}(?:\.\d{1,9})?$/.test(text)) {
    const [whole = "", fraction = ""] = text.split(".");
    if (Number(whole) >= LARGEST_SECONDS) return BigInt(whole);
    return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
  }
  // Date knows milliseconds, profiles nanoseconds.
  const [, fraction = ""] = /^\d{4}-\d{2}-\d{2}[Tt ][\d:]+(?:\.(\d{1,9}))?/.exec(text) ?? [];
  const seconds = Date.parse(text.replace(/(:\d{2})\.\d+/, "$1"));
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(seconds) || seconds < 0) {
    throw new InvalidArgumentError(`"${text}" is no time; write it as 2026-11-22T10:00:00Z or in seconds since 1970.`);
  }
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** What is left of a model. */
export interface FilteredModel {
  readonly model: ProfilesModel;
  /** Samples that were left out because nobody knows when they were: those without timestamps in profiles that are only partly inside. */
  readonly undatedSamples: number;
}

/** Lets through what all filters want, of a model of layout D10. Resources and scopes without profiles are left out. */
export function filtered(model: ProfilesModel, filters: Filters): FilteredModel {
  let undatedSamples = 0;
  const withinTime = (profile: ProfileRecord): ProfileRecord | undefined => {
    const kept = filters.time ? within(profile, filters.time) : { profile, undated: 0 };
    undatedSamples += kept.undated;
    return kept.profile;
  };
  const decoded = filters.resource.length === 0 ? [] : modelResources(model);
  const resources = model.resources
    .filter((_resource, index) =>
      filters.resource.every(({ key, value }) => textOf(decoded[index]?.attributes.get(key)) === value),
    )
    .map((resource) => ({
      ...resource,
      scopes: resource.scopes
        .map((scope) => ({
          ...scope,
          profiles: scope.profiles
            .filter(({ types }) => filters.type === undefined || typeNamed(model, types[0]?.type) === filters.type)
            .map(withinTime)
            .filter((profile) => profile !== undefined),
        }))
        .filter(({ profiles }) => profiles.length > 0),
    }))
    .filter(({ scopes }) => scopes.length > 0);
  return { model: { ...model, resources }, undatedSamples };
}

function typeNamed({ dictionary }: ProfilesModel, type: number | undefined): string {
  return dictionary.strings.text(type ?? 0);
}

/** Values as users write them. */
function textOf(value: AttributeValue): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean") return String(value);
  return undefined;
}

/**
 * A profile as far as it is inside of the window: timestamps with their values. Samples without timestamps stay if the
 * whole profile is inside. Undefined where nothing is left.
 */
function within(
  profile: ProfileRecord,
  { from, to }: TimeFilter,
): { readonly profile: ProfileRecord | undefined; readonly undated: number } {
  const start = profile.timeUnixNano;
  const end = start + profile.durationNano;
  if (start >= from && end <= to && start < to) return { profile, undated: 0 };
  if (start >= to || end <= from) return { profile: undefined, undated: 0 };
  const { samples, undated } = samplesWithin(profile, from, to);
  if (samples.length === 0) return { profile: undefined, undated };
  const timeUnixNano = start < from ? from : start;
  const durationNano = (end > to ? to : end) - timeUnixNano;
  return { profile: { ...profile, timeUnixNano, durationNano, samples }, undated };
}

function samplesWithin(
  { samples }: ProfileRecord,
  from: bigint,
  to: bigint,
): { readonly samples: ProfileRecord["samples"]; readonly undated: number } {
  const builder = new SamplesBuilder();
  let undated = 0;
  for (let sample = 0; sample < samples.length; sample++) {
    const values = samples.values.subarray(samples.valueOffsets[sample], samples.valueOffsets[sample + 1]);
    const stamps = samples.timestamps.subarray(samples.timestampOffsets[sample], samples.timestampOffsets[sample + 1]);
    if (stamps.length === 0) undated++;
    const keptValues: bigint[] = [];
    const keptStamps: bigint[] = [];
    for (const [at, stamp] of stamps.entries()) {
      if (stamp < from || stamp >= to) continue;
      keptStamps.push(stamp);
      if (values.length === stamps.length) keptValues.push(values[at]!);
    }
    if (keptStamps.length === 0) continue;
    const [start, end] = [samples.attributeOffsets[sample], samples.attributeOffsets[sample + 1]];
    const attributes = samples.attributes.subarray(start, end);
    builder.add(samples.stack[sample]!, attributes, samples.link[sample]!, keptValues, keptStamps);
  }
  return { samples: builder.finish(), undated };
}
