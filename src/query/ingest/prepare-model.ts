import { type AttributeValue, decodeAttributes, encodeResource, type ProfileRecord, type ProfilesModel } from "#otlp";

/** What is known of profiles besides what their file says. */
export interface ProfileOrigin {
  /** Attributes of the resource, by OpenTelemetry names; they go before those of the file. */
  readonly attributes: ReadonlyMap<string, string>;
  /** When it was recorded, where the file doesn't say. Milliseconds. */
  readonly from: number | undefined;
  /** When it came. Milliseconds. */
  readonly receivedAt: number;
  /** What values are to be multiplied by, e.g. nanoseconds that a hit stands for. Default 1. */
  readonly scale?: number;
}

/** Times before that are those of a clock that began with the machine (perf), not of the calendar. 2001-09-09. */
const FIRST_DATE = 1_000_000_000n * 1_000_000_000n;

/** A file's profiles as they are stored: with their origin, and times of the calendar. */
export function prepareModel(model: ProfilesModel, origin: ProfileOrigin): ProfilesModel {
  const shift = shiftOf(model, origin);
  return {
    ...model,
    resources: model.resources.map((resource) => ({
      ...resource,
      resource: withAttributes(resource.resource, origin.attributes, model),
      scopes: resource.scopes.map((scope) => ({
        ...scope,
        profiles: scope.profiles.map((profile) => withValues(withTimes(profile, origin, shift), origin.scale ?? 1)),
      })),
    })),
  };
}

/** What is to be added to times of samples so that the last one is the file's: nanoseconds. */
function shiftOf({ resources }: ProfilesModel, { from, receivedAt }: ProfileOrigin): bigint {
  let first = 1n << 63n;
  let last = 0n;
  for (const { scopes } of resources) {
    for (const { profiles } of scopes) {
      for (const { samples } of profiles) {
        for (const time of samples.timestamps) {
          if (time > last) last = time;
          if (time < first) first = time;
        }
      }
    }
  }
  if (last === 0n || last >= FIRST_DATE) return 0n;
  return from === undefined ? nanoseconds(receivedAt) - last : nanoseconds(from) - first;
}

function withTimes(profile: ProfileRecord, { from }: ProfileOrigin, shift: bigint): ProfileRecord {
  const { samples } = profile;
  const timeUnixNano =
    profile.timeUnixNano < FIRST_DATE ? (from === undefined ? 0n : nanoseconds(from)) : profile.timeUnixNano;
  if (shift === 0n || samples.timestamps.length === 0) return { ...profile, timeUnixNano };
  return {
    ...profile,
    timeUnixNano,
    samples: { ...samples, timestamps: samples.timestamps.map((time) => time + shift) },
  };
}

function withValues(profile: ProfileRecord, scale: number): ProfileRecord {
  if (scale === 1) return profile;
  const values = profile.samples.values.map((value) => BigInt(Math.round(Number(value) * scale)));
  return { ...profile, samples: { ...profile.samples, values } };
}

function withAttributes(
  resource: Uint8Array,
  added: ReadonlyMap<string, string>,
  { dictionary }: ProfilesModel,
): Uint8Array {
  const own = decodeAttributes(resource, 1, dictionary.strings);
  return encodeResource(new Map<string, AttributeValue>([...own, ...added]));
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds)) * 1_000_000n;
}
