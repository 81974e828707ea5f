/**
 * Access to the Kubernetes API: credentials, list and watch, narrow decoders that keep only what podflame needs.
 * Start with `createApiClient`, `reflectPods` and `reflectObjects`. Leaves out writing to the API, and every field of an object that nothing here reads.
 */
export type { ApiClient, ApiClientSettings, ApiRequest, ApiResponse } from "./access/api-client.ts";
export { createApiClient } from "./access/create-api-client.ts";
export { ApiError, ApiFormatError, KubernetesConfigError, type ApiStatus } from "./errors.ts";
export {
  OBJECT_KINDS,
  type KeyFilter,
  type MetadataObject,
  type ObjectKind,
  type OwnerReference,
  type PodContainer,
  type PodObject,
  type ReflectorSink,
} from "./objects.ts";
export { loadObjectFile, type FileObjects } from "./decoding/object-file.ts";
export { reflectObjects, type ObjectReflectionSettings } from "./reflection/reflect-objects.ts";
export { reflectPods, type PodReflectionSettings } from "./reflection/reflect-pods.ts";
export type { Reflection, ReflectorPhase, ReflectorState } from "./reflection/reflector.ts";
export type { Pace } from "./reflection/reflector-course.ts";
export { PODS, RESOURCES, type Resource, type Selection } from "./reflection/resource.ts";
