import type { Telemetry } from "#telemetry";
import type { ApiClient } from "../access/api-client.ts";
import { MetadataDecoder } from "../decoding/metadata-decoder.ts";
import type { KeyFilter, MetadataObject, ObjectKind, ReflectorSink } from "../objects.ts";
import type { Pace } from "./reflector-course.ts";
import { Reflector, type Reflection } from "./reflector.ts";
import { RESOURCES, type Selection } from "./resource.ts";

/** What `reflectObjects` needs. */
export interface ObjectReflectionSettings {
  readonly client: ApiClient;
  readonly kind: ObjectKind;
  /** All objects of the kind by default. A namespace is for kinds that have one. */
  readonly selection?: Selection;
  /** Labels and annotations that the sink will look at. */
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<MetadataObject>;
  readonly telemetry: Telemetry;
  /** Objects a page of a list; default 500. */
  readonly pageSize?: number;
  /** Delays after failures, for tests. */
  readonly pace?: Pace;
}

/** Follows the metadata of one kind of objects: see `Reflector` for what is promised. Starts at once. */
export function reflectObjects({ kind, keys, selection = {}, ...settings }: ObjectReflectionSettings): Reflection {
  const [resource, decoder] = [RESOURCES[kind], new MetadataDecoder(kind, keys)];
  return new Reflector<MetadataObject>({ ...settings, selection, resource, decoder, metadataOnly: true });
}
