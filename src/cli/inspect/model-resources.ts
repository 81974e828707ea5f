import {
  type AttributeMap,
  decodeAttributes,
  decodeInstrumentationScope,
  type InstrumentationScope,
  type ProfilesModel,
} from "#otlp";

/** A resource and its scopes with all attributes as values. */
export interface ModelResource {
  readonly attributes: AttributeMap;
  readonly scopes: readonly InstrumentationScope[];
}

/** Resources and scopes of a model, by position. */
export function modelResources({ resources, dictionary: { strings } }: ProfilesModel): readonly ModelResource[] {
  return resources.map(({ resource, scopes }) => ({
    attributes: decodeAttributes(resource, 1, strings),
    scopes: scopes.map(({ scope }) => decodeInstrumentationScope(scope, strings)),
  }));
}
