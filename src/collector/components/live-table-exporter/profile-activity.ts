import {
  decodeResources,
  type DecodedResource,
  type Dictionary,
  type Payload,
  ParseError,
  type ProfileRecord,
  type Profiles,
  type ProfilesModel,
  Refusal,
} from "#otlp";
import type { Activity } from "./rates.ts";

/** Sample type of the time that threads wait; it isn't CPU time and has no place in the table. */
const OFF_CPU = "off_cpu";

/** A resource of a request, and what it adds. */
export interface ResourceActivity {
  readonly attributes: DecodedResource["attributes"];
  readonly activity: Activity;
}

/**
 * Counts the samples of each resource of a profiles request, with the CPU time that they stand for and the functions
 * that ran. A request in a layout that cannot be told still has its items counted.
 */
export function activityOf(payload: Payload, profiles: Profiles): readonly ResourceActivity[] {
  const resources = decodeResources(payload);
  const model = read(payload, profiles);
  // Each resource of the request is a record of the model, in order.
  const readable = model?.resources.length === resources.length ? model : undefined;
  const programs = readable && new Programs(readable.dictionary, profiles);
  return resources.map(({ attributes, occurrences }, at) => ({
    attributes,
    activity: programs ? weigh(readable, at, programs) : { items: occurrences, cpuNanos: 0 },
  }));
}

function read({ bytes, origin }: Payload, { detectLayout, readProfiles }: Profiles): ProfilesModel | undefined {
  const { profilesService: service, profilesDevelopmentVersion: developmentVersion, userAgent } = origin;
  const detection = detectLayout(bytes, {
    ...(service !== undefined && { service }),
    ...(developmentVersion !== undefined && { developmentVersion }),
    ...(userAgent !== undefined && { userAgent }),
  });
  if (detection instanceof Refusal) return undefined;
  const model = readProfiles(bytes, detection.layout);
  return model instanceof ParseError ? undefined : model;
}

/** Tells which program a sample is of, where its attributes do: a container runs several. */
class Programs {
  /** By attribute: the program's name; empty for all other attributes. */
  readonly #names: readonly string[];

  constructor({ attributes, strings }: Dictionary, { decodeAnyValue }: Profiles) {
    this.#names = Array.from({ length: attributes.length }, (_, at) => {
      if (strings.text(attributes.key[at]!) !== "process.executable.name") return "";
      const value = decodeAnyValue(attributes.values.bytes(at), strings);
      return value.kind === "string" ? value.value : "";
    });
  }

  /** Empty where the sample doesn't say. */
  of({ attributes, attributeOffsets }: ProfileRecord["samples"], sample: number): string {
    for (let at = attributeOffsets[sample]!; at < attributeOffsets[sample + 1]!; at++) {
      const name = this.#names[attributes[at]!]!;
      if (name !== "") return name;
    }
    return "";
  }
}

function weigh({ resources, dictionary }: ProfilesModel, at: number, programs: Programs): Activity {
  const functions = new Map<string, number>();
  const ran = new Map<string, number>();
  let items = 0;
  let cpuNanos = 0;
  for (const { profiles } of resources[at]!.scopes) {
    for (const profile of profiles) {
      const [type] = profile.types;
      if (type !== undefined && dictionary.strings.text(type.type) === OFF_CPU) continue;
      const before = items;
      for (let sample = 0; sample < profile.samples.length; sample++) {
        const weight = occurrences(profile, sample);
        const name = leafName(dictionary, profile.samples.stack[sample]!);
        const program = programs.of(profile.samples, sample);
        items += weight;
        if (name !== "") functions.set(name, (functions.get(name) ?? 0) + weight);
        if (program !== "") ran.set(program, (ran.get(program) ?? 0) + weight);
      }
      cpuNanos += (items - before) * periodNanos(profile, dictionary);
    }
  }
  return { items, cpuNanos, functions, programs: ran };
}

/** How often a sample was taken: its timestamps, or its count where it was merged, or once. */
function occurrences({ samples, types }: ProfileRecord, sample: number): number {
  const timestamps = samples.timestampOffsets[sample + 1]! - samples.timestampOffsets[sample]!;
  if (timestamps > 0) return timestamps;
  const [first, end] = [samples.valueOffsets[sample]!, samples.valueOffsets[sample + 1]!];
  // With several types the order says which is the count, and senders differ: one sample then.
  return end - first === 1 && types.length === 1 ? Number(samples.values[first]!) : 1;
}

/** CPU time between two samples; 0 where the period is something else. */
function periodNanos({ period, periodType }: ProfileRecord, { strings }: Dictionary): number {
  return strings.text(periodType.type) === "cpu" && strings.text(periodType.unit) === "nanoseconds"
    ? Number(period)
    : 0;
}

/** The function that ran; the file in brackets where it has no name. */
function leafName({ stacks, locations, functions, mappings, strings }: Dictionary, stack: number): string {
  const first = stacks.offsets[stack]!;
  if (first === stacks.offsets[stack + 1]!) return "";
  const location = stacks.values[first]!;
  const line = locations.lineOffsets[location]!;
  const called = line < locations.lineOffsets[location + 1]! ? locations.lines.function[line]! : 0;
  const name = strings.text(functions.name[called]! || functions.systemName[called]!);
  if (name !== "") return name;
  const file = strings.text(mappings.filename[locations.mapping[location]!]!);
  // What isn't a file has its brackets already: [anon], [vdso].
  return file === "" || file.startsWith("[") ? file : `[${file.slice(file.lastIndexOf("/") + 1)}]`;
}
