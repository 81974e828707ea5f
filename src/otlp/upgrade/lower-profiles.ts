import { type AttributeValue, decodeValue } from "../attribute-value.ts";
import type { Dictionary, ProfileRecord, ProfilesModel } from "../profiles/model.ts";
import { Temporality } from "../profiles/model.ts";
import { StringTable } from "../string-table.ts";
import { LegacyKey } from "./legacy-names.ts";
import { LossLog } from "./losses.ts";
import { DictionaryRebuilder } from "./rebuild-dictionary.ts";
import { ReferenceResolver } from "./references.ts";
import { profileWith } from "./single-profile.ts";
import { type ConvertedModel, isOld } from "./upgrade-profiles.ts";
import { type WireNumbers, wireNumbers, type WritableLayout } from "./wire-numbers.ts";

/**
 * A model of D8, D9 or D10 as an older layout says it: what later layouts say with attributes of known keys (comments,
 * a cumulative temporality, `pprof.mapping.has_*`, `pprof.location.is_folded`, drop and keep frames) goes back to the
 * fields that the older layout has. What it has no field for stays an attribute, so nothing is lost by that.
 */
export function lowerProfiles(model: ProfilesModel, layout: WritableLayout): ConvertedModel {
  const losses = new LossLog();
  const resolver = model.layout === "D10" ? new ReferenceResolver(model.dictionary.strings, losses) : undefined;
  const style = isOld(layout) ? "fields" : "as it is";
  const rebuilder = new DictionaryRebuilder(model.dictionary, losses, { style, resolver });
  const values = new ProfileAttributes(model.dictionary);
  const resources = model.resources.map((resource, at) => {
    const place = `resource_profiles[${at}]`;
    losses.place = place;
    return {
      ...resource,
      resource: resolver ? resolver.resolve(resource.resource, "resource") : resource.resource,
      scopes: resource.scopes.map((scope, scopeAt) => {
        losses.place = `${place}.scope_profiles[${scopeAt}]`;
        return {
          ...scope,
          scope: resolver ? resolver.resolve(scope.scope, "scope") : scope.scope,
          profiles: scope.profiles.map((profile, profileAt) => {
            losses.place = `${place}.scope_profiles[${scopeAt}].profiles[${profileAt}]`;
            return lowerProfile(profile, values, rebuilder, wireNumbers(layout));
          }),
        };
      }),
    };
  });
  // What remains has no references left, which is what D9 means to those who write it.
  const lower = { ...model, layout: "D9", resources, dictionary: rebuilder.columns.view() } as const;
  return { model: lower, losses: losses.list() };
}

function lowerProfile(
  profile: ProfileRecord,
  values: ProfileAttributes,
  rebuilder: DictionaryRebuilder,
  numbers: WireNumbers,
): ProfileRecord {
  let comments: Int32Array | undefined;
  const frames = { dropFrames: 0, keepFrames: 0 };
  let cumulative = false;
  const kept = profile.attributes.filter((index) => {
    const { key, value } = values.of(index);
    if (key === LegacyKey.COMMENT && numbers.profile.comments !== 0 && Array.isArray(value)) {
      comments = values.commentsOf(index, value as readonly string[], rebuilder);
    } else if (key === LegacyKey.TEMPORALITY && numbers.valueType.temporality !== 0 && value === "cumulative") {
      cumulative = true;
    } else if (key === LegacyKey.DROP_FRAMES && numbers.profile.dropFrames !== 0 && typeof value === "string") {
      frames.dropFrames = rebuilder.text(value);
    } else if (key === LegacyKey.KEEP_FRAMES && numbers.profile.keepFrames !== 0 && typeof value === "string") {
      frames.keepFrames = rebuilder.text(value);
    } else return true;
    return false;
  });
  const mapped = profileWith({ ...profile, attributes: kept }, rebuilder);
  const types = cumulative
    ? mapped.types.map((type) => ({ ...type, temporality: Temporality.CUMULATIVE }))
    : mapped.types;
  return { ...mapped, ...frames, types, comments: comments ?? mapped.comments };
}

const KNOWN_KEYS: ReadonlySet<string> = new Set(Object.values(LegacyKey));

/** Decodes the attributes of profiles that mean something, each once: many profiles may share a long one. */
class ProfileAttributes {
  readonly #dictionary: Dictionary;
  readonly #values = new Map<number, { readonly key: string; readonly value: AttributeValue }>();
  readonly #comments = new Map<number, Int32Array>();

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** The value only of keys that mean something, and no lists but those of texts. */
  of(index: number): { readonly key: string; readonly value: AttributeValue } {
    let found = this.#values.get(index);
    if (!found) {
      const { attributes, strings } = this.#dictionary;
      const key = strings.text(attributes.key[index]!);
      const encoded = attributes.values.bytes(index);
      const value = KNOWN_KEYS.has(key) ? decodeValue(encoded, 0, encoded.length, NO_STRINGS) : undefined;
      const usable = Array.isArray(value) && !isTexts(value) ? undefined : value;
      this.#values.set(index, (found = { key, value: usable }));
    }
    return found;
  }

  commentsOf(index: number, texts: readonly string[], rebuilder: DictionaryRebuilder): Int32Array {
    let comments = this.#comments.get(index);
    if (!comments) this.#comments.set(index, (comments = Int32Array.from(texts, (text) => rebuilder.text(text))));
    return comments;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

const NO_STRINGS = new StringTable();
