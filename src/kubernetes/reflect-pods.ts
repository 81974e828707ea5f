import type { Telemetry } from "#telemetry";
import type { ApiClient } from "./api-client.ts";
import type { KeyFilter, PodObject, ReflectorSink } from "./objects.ts";
import type { Reflection } from "./reflector.ts";

/** Which objects of a resource to follow. */
export interface Selection {
  /** Only this namespace; all by default. */
  readonly namespace?: string;
  /** As the API takes it, e.g. `spec.nodeName=node-1`. */
  readonly fieldSelector?: string;
  /** As the API takes it, e.g. `app=shop,tier!=cache`. */
  readonly labelSelector?: string;
}

export interface PodReflectionSettings {
  readonly client: ApiClient;
  readonly selection?: Selection;
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<PodObject>;
  readonly telemetry: Telemetry;
}

/** Follows the pods of a cluster: see `Reflector` for what is promised. Starts at once. */
export function reflectPods(settings: PodReflectionSettings): Reflection {
  throw new Error(`reflectPods is being written (${settings.client.server})`);
}
