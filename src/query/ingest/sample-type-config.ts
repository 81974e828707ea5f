import type { ProfilesModel } from "#otlp";
import { QueryError } from "../query-error.ts";
import { typeOfDisplayName } from "./pyroscope-types.ts";

/** Types of a real profile: some ten. */
const MAX_TYPES = 64;
const MAX_NAME_LENGTH = 64;

/** What types of a profile are to be called, by what they are called in it. */
export type TypeNames = ReadonlyMap<string, string>;

/**
 * Reads the part `sample_type_config` of a form: for each type of the profile, among other things that the profile or the
 * store knows better, a name for people, e.g. `{"alloc-size": {"units": "bytes", "display-name": "alloc_space"}}`.
 * @throws QueryError "invalid"
 */
export function readSampleTypeConfig(text: string): TypeNames {
  const names = new Map<string, string>();
  for (const [type, config] of Object.entries(parseObject(text)).slice(0, MAX_TYPES)) {
    const name: unknown = isObject(config) ? config["display-name"] : undefined;
    if (typeof name === "string" && name !== "") names.set(type, typeOfDisplayName(name.slice(0, MAX_NAME_LENGTH)));
  }
  return names;
}

/** Calls the types of profiles by other names. The names are added to the model's strings, so it must be the caller's. */
export function renameTypes(model: ProfilesModel, names: TypeNames): ProfilesModel {
  const { strings } = model.dictionary;
  const added = new Map<string, number>();
  const renamed = (type: number): number => {
    const name = names.get(strings.text(type));
    if (name === undefined) return type;
    let index = added.get(name);
    if (index === undefined) added.set(name, (index = strings.add(new TextEncoder().encode(name))));
    return index;
  };
  return {
    ...model,
    resources: model.resources.map((resource) => ({
      ...resource,
      scopes: resource.scopes.map((scope) => ({
        ...scope,
        profiles: scope.profiles.map((profile) => ({
          ...profile,
          types: profile.types.map((type) => ({ ...type, type: renamed(type.type) })),
        })),
      })),
    })),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (isObject(json)) return json;
  throw new QueryError(
    "invalid",
    "the part sample_type_config of the form can't be read",
    'Send an object such as {"cpu": {"units": "samples"}}, or leave it out.',
  );
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
