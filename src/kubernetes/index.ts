/**
 * Access to the Kubernetes API: credentials, list and watch, narrow decoders that keep only what podflame needs.
 * Start with `createApiClient` and `reflectPods`. Leaves out writing to the API, and every field of an object that nothing here reads.
 */
export type { ApiClient, ApiClientSettings, ApiRequest, ApiResponse } from "./access/api-client.ts";
export { createApiClient } from "./access/create-api-client.ts";
export { ApiError, ApiFormatError, KubernetesConfigError, type ApiStatus } from "./errors.ts";
export type { KeyFilter, OwnerReference, PodContainer, PodObject, ReflectorSink } from "./objects.ts";
export { loadPodFile } from "./decoding/pod-file.ts";
export { reflectPods, type PodReflectionSettings } from "./reflection/reflect-pods.ts";
export type { Reflection, ReflectorPhase, ReflectorState } from "./reflection/reflector.ts";
export type { Pace } from "./reflection/reflector-course.ts";
export type { Selection } from "./reflection/resource.ts";
