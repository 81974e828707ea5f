import type { Telemetry } from "#telemetry";
import type { ApiClient } from "../access/api-client.ts";
import type { KeyFilter, PodObject, ReflectorSink } from "../objects.ts";
import { PodDecoder } from "../decoding/pod-decoder.ts";
import type { Pace } from "./reflector-course.ts";
import { Reflector, type Reflection } from "./reflector.ts";
import { PODS, type Selection } from "./resource.ts";

/** What `reflectPods` needs. */
export interface PodReflectionSettings {
  readonly client: ApiClient;
  /** All pods of the cluster by default. */
  readonly selection?: Selection;
  /** Labels and annotations that the sink will look at. */
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<PodObject>;
  readonly telemetry: Telemetry;
  /** Objects a page of a list; default 500. */
  readonly pageSize?: number;
  /** Delays after failures, for tests. */
  readonly pace?: Pace;
}

/** Follows the pods of a cluster: see `Reflector` for what is promised. Starts at once. */
export function reflectPods({ keys, selection = {}, ...settings }: PodReflectionSettings): Reflection {
  return new Reflector<PodObject>({ ...settings, selection, resource: PODS, decoder: new PodDecoder(keys) });
}
