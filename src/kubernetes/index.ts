/**
 * Access to the Kubernetes API: credentials, list and watch, narrow decoders that keep only what podflame needs.
 * Start with `Reflector`. Leaves out writing to the API, and every field of an object that nothing here reads.
 */
export type { ApiClient, ApiClientSettings, ApiRequest, ApiResponse } from "./api-client.ts";
export { createApiClient } from "./create-api-client.ts";
export { ApiError, ApiFormatError, KubernetesConfigError, type ApiStatus } from "./errors.ts";
export type { KeyFilter, OwnerReference, PodContainer, PodObject, ReflectorSink } from "./objects.ts";
export { loadPodFile } from "./pod-file.ts";
export { reflectPods, type PodReflectionSettings } from "./reflect-pods.ts";
export type { Reflection, ReflectorPhase, ReflectorState } from "./reflector.ts";
export type { Pace } from "./reflector-course.ts";
export type { Selection } from "./resource.ts";
