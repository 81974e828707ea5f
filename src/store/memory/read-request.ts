import {
  type Layouts,
  ParseError,
  type ProfileRecord,
  type Profiles,
  type ProfilesModel,
  Refusal,
  type ValueTypeRecord,
} from "#otlp";
import { StoreError, type StoredFrame } from "../profile-store.ts";
import { attributeTexts, type DescribedType } from "../series/index.ts";

/** Readers of `#otlp`, loaded on demand by whoever stores profiles. */
export type ProfileReaders = Profiles & Pick<Layouts, "regroupByContainer" | "upgradeProfiles">;

/** A profile of one type with what its resource and scope say, ready to be stored. */
export interface ReadProfile {
  /** The resource's attributes as text, and the scope's that it doesn't have. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly profile: ProfileRecord;
  readonly type: DescribedType;
}

export interface ReadRequest {
  readonly model: ProfilesModel;
  readonly profiles: readonly ReadProfile[];
}

/** Layouts of the time when one resource stood for a whole node, and samples named their containers. */
const WITHOUT_CONTAINERS: ReadonlySet<string> = new Set(["E", "D4", "D5", "D6", "D7"]);

/**
 * Profiles of a request of any layout as the newest one: one type each, a resource for each container. Bytes that can't
 * be read are a `StoreError` "invalid".
 */
export function readRequest(bytes: Uint8Array, readers: ProfileReaders): ReadRequest {
  const detected = readers.detectLayout(bytes);
  if (detected instanceof Refusal) throw invalid(detected.problem);
  const model = readers.readProfiles(bytes, detected.layout);
  if (model instanceof ParseError) throw invalid(model);
  const regrouped = WITHOUT_CONTAINERS.has(detected.layout) ? readers.regroupByContainer(model).model : model;
  const upgraded = readers.upgradeProfiles(regrouped).model;
  const { strings } = upgraded.dictionary;
  const profiles = upgraded.resources.flatMap(({ resource, scopes }) => {
    const ofResource = readers.decodeKeyValues(resource, 1, strings);
    return scopes.flatMap((scope) => {
      const attributes = attributeTexts(ofResource, readers.decodeKeyValues(scope.scope, 3, strings));
      const sampled = new Set(scope.profiles.map(({ types }) => valueTypeKey(types[0]!)));
      return scope.profiles.map((profile) => {
        const { types, periodType, period } = profile;
        const type = {
          sampleType: strings.text(types[0]!.type),
          sampleUnit: strings.text(types[0]!.unit),
          periodType: strings.text(periodType.type),
          periodUnit: strings.text(periodType.unit),
          period: Number(period),
          // pprof files of Go have the same samples twice, counted and measured; each is then a type of its own.
          measured: periodType.type !== types[0]!.type && sampled.has(valueTypeKey(periodType)),
        };
        return { attributes, profile, type };
      });
    });
  });
  return { model: upgraded, profiles };
}

/** Strings of a dictionary stand there once, so that equal types have equal numbers. */
function valueTypeKey({ type, unit }: ValueTypeRecord): string {
  return `${type} ${unit}`;
}

function invalid(problem: ParseError): StoreError {
  return new StoreError("invalid", `this is no request of OTLP profiles: ${problem.message}`, { cause: problem });
}

/** Text of an attribute of a sample, profile, location; undefined where it is not there. */
export function attributeText(
  { dictionary }: ProfilesModel,
  indexes: Int32Array,
  key: string,
  readers: Pick<Profiles, "decodeAnyValue">,
): string | undefined {
  const { attributes, strings } = dictionary;
  for (const index of indexes) {
    if (strings.text(attributes.key[index]!) !== key) continue;
    const value = readers.decodeAnyValue(attributes.values.bytes(index), strings);
    if (value.kind === "string") return value.value;
  }
  return undefined;
}

/** Frames of one location, the outermost first. */
export function framesOf(
  model: ProfilesModel,
  location: number,
  readers: Pick<Profiles, "decodeAnyValue">,
): readonly StoredFrame[] {
  const { locations, functions, mappings, strings } = model.dictionary;
  const path = strings.text(mappings.filename[locations.mapping[location]!]!);
  const mapping = path.slice(path.lastIndexOf("/") + 1);
  const { offsets, values } = locations.attributes;
  const own = values.subarray(offsets[location], offsets[location + 1]);
  const type = attributeText(model, own, "profile.frame.type", readers) ?? "";
  const frames: StoredFrame[] = [];
  for (let at = locations.lineOffsets[location + 1]! - 1; at >= locations.lineOffsets[location]!; at--) {
    const called = locations.lines.function[at]!;
    const name = strings.text(functions.name[called]!) || strings.text(functions.systemName[called]!);
    const file = strings.text(functions.filename[called]!);
    const line = Number(locations.lines.line[at]!);
    // A frame with a name is the same wherever in the function it was hit.
    frames.push({ name, file, line, type, mapping, address: name === "" ? locations.address[location]! : 0n });
  }
  if (frames.length > 0) return frames;
  return [{ name: "", file: "", line: 0, type, mapping, address: locations.address[location]! }];
}
