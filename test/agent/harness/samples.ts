/**
 * What the agent sent, as protobuf-es reads it: nothing of podflame's own reading is used, so an error in how profiles
 * are written doesn't hide behind the same error in how they're read.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { ExportProfilesServiceRequestSchema } from "../../generated/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.js";
import type { AnyValue } from "../../generated/opentelemetry/proto/common/v1/common_pb.js";
import type { ProfilesDictionary } from "../../generated/opentelemetry/proto/profiles/v1development/profiles_pb.js";

/** Values as JavaScript has them; what tests don't look into is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A frame: a function, or only an address. Inlined functions are frames of their own. */
export interface Frame {
  /** Empty where nothing could be named. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Whether the compiler put it into the next frame's function. */
  readonly inlined: boolean;
  /** `profile.frame.type`: native, kernel, go, v8js, … */
  readonly type: string;
  /** Path of the mapped file; empty for none. */
  readonly mapping: string;
  readonly mappingAttributes: Attributes;
  readonly address: bigint;
}

/** One entry of a profile's sample list, with all that is said about it. */
export interface Sample {
  readonly resource: Attributes;
  readonly profile: Attributes;
  readonly attributes: Attributes;
  /** `samples` or `off_cpu`. */
  readonly type: string;
  readonly periodNs: number;
  /** Innermost first. */
  readonly frames: readonly Frame[];
  /** How often it was hit: its timestamps, or the sum of its values where it has none. */
  readonly count: number;
  /** Sum of its values. */
  readonly value: number;
  readonly timesUnixNano: readonly bigint[];
}

/** Takes a request of the newest layout apart. Throws on bytes that are none. */
export function readSamples(request: Uint8Array): Sample[] {
  const { dictionary, resourceProfiles } = fromBinary(ExportProfilesServiceRequestSchema, request);
  if (dictionary === undefined) return [];
  const reader = new DictionaryReader(dictionary);
  return resourceProfiles.flatMap(({ resource, scopeProfiles }) => {
    const resourceAttributes = Object.fromEntries(
      (resource?.attributes ?? []).flatMap(({ key, keyStrindex, value }) =>
        reader.pair(key === "" ? reader.text(keyStrindex) : key, value),
      ),
    );
    return scopeProfiles
      .flatMap(({ profiles }) => profiles)
      .flatMap((profile) => {
        const shared = {
          resource: resourceAttributes,
          profile: reader.attributes(profile.attributeIndices),
          type: reader.text(profile.sampleType?.typeStrindex ?? 0),
          periodNs: Number(profile.period),
        };
        return profile.samples.map((sample): Sample => {
          const value = sample.values.reduce((sum, each) => sum + Number(each), 0);
          return {
            ...shared,
            attributes: reader.attributes(sample.attributeIndices),
            frames: reader.stack(sample.stackIndex),
            count: sample.timestampsUnixNano.length > 0 ? sample.timestampsUnixNano.length : value,
            value,
            timesUnixNano: sample.timestampsUnixNano,
          };
        });
      });
  });
}

/** Hits of all entries together. */
export function countOf(samples: Iterable<Sample>): number {
  let count = 0;
  for (const sample of samples) count += sample.count;
  return count;
}

/** Highest number of lost samples that any profile tells; 0 where none does. */
export function lostIn(samples: readonly Sample[]): number {
  const told = samples.flatMap(({ profile }) => Object.entries(profile).filter(([key]) => key.includes("lost")));
  return Math.max(0, ...told.map(([, count]) => Number(count)));
}

/** Whether a frame of this function is anywhere in the stack. */
export function passesThrough(sample: Sample, name: string): boolean {
  return sample.frames.some((frame) => frame.name === name);
}

/**
 * Percent of the hits that belong to each function: a hit belongs to the innermost frame that is one of them. Hits
 * without any of them count in the whole.
 */
export function sharesOf(samples: readonly Sample[], functions: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map(functions.map((name) => [name, 0]));
  for (const { frames, count } of samples) {
    const owner = frames.find(({ name }) => counts.has(name));
    if (owner !== undefined) counts.set(owner.name, counts.get(owner.name)! + count);
  }
  const whole = countOf(samples);
  return Object.fromEntries([...counts].map(([name, count]) => [name, (count / whole) * 100]));
}

class DictionaryReader {
  readonly #dictionary: ProfilesDictionary;
  /** Stacks are shared by samples. */
  readonly #stacks = new Map<number, readonly Frame[]>();

  constructor(dictionary: ProfilesDictionary) {
    this.#dictionary = dictionary;
  }

  text(index: number): string {
    const text = this.#dictionary.stringTable[index];
    if (text === undefined) throw new Error(`string ${index} of ${this.#dictionary.stringTable.length}`);
    return text;
  }

  attributes(indices: readonly number[]): Attributes {
    const entries = indices.flatMap((index) => {
      const entry = this.#dictionary.attributeTable[index];
      if (entry === undefined) throw new Error(`attribute ${index} of ${this.#dictionary.attributeTable.length}`);
      return this.pair(this.text(entry.keyStrindex), entry.value);
    });
    return Object.fromEntries(entries);
  }

  pair(key: string, value: AnyValue | undefined): [string, string | number | boolean][] {
    const held = value?.value;
    if (held?.case === "intValue") return [[key, Number(held.value)]];
    if (held?.case === "stringValueStrindex") return [[key, this.text(held.value)]];
    if (held?.case === "stringValue" || held?.case === "boolValue" || held?.case === "doubleValue") {
      return [[key, held.value]];
    }
    return [];
  }

  stack(index: number): readonly Frame[] {
    const known = this.#stacks.get(index);
    if (known !== undefined) return known;
    const stack = this.#dictionary.stackTable[index];
    if (stack === undefined) throw new Error(`stack ${index} of ${this.#dictionary.stackTable.length}`);
    const frames = stack.locationIndices.flatMap((location) => this.#frames(location));
    this.#stacks.set(index, frames);
    return frames;
  }

  #frames(index: number): Frame[] {
    const location = this.#dictionary.locationTable[index];
    if (location === undefined) throw new Error(`location ${index} of ${this.#dictionary.locationTable.length}`);
    const mapping = this.#dictionary.mappingTable[location.mappingIndex];
    const place = {
      type: String(this.attributes(location.attributeIndices)["profile.frame.type"] ?? ""),
      mapping: this.text(mapping?.filenameStrindex ?? 0),
      mappingAttributes: this.attributes(mapping?.attributeIndices ?? []),
      address: location.address,
    };
    if (location.lines.length === 0) return [{ ...place, name: "", file: "", line: 0, inlined: false }];
    return location.lines.map(({ functionIndex, line }, at) => {
      const called = this.#dictionary.functionTable[functionIndex];
      return {
        ...place,
        name: this.text(called?.nameStrindex ?? 0),
        file: this.text(called?.filenameStrindex ?? 0),
        line: Number(line),
        inlined: at < location.lines.length - 1,
      };
    });
  }
}
