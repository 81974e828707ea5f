/**
 * Access to the Kubernetes API: credentials, list and watch, narrow decoders that keep only what podflame needs.
 * Start with `createApiClient`, `reflectPods` and `reflectObjects`; kubelets and container runtimes are followed by
 * `followKubelet` and `followCri`. Leaves out writing to the API, and every field of an object that nothing here reads.
 */
export type { ApiClient, ApiClientSettings, ApiRequest, ApiResponse } from "./access/api-client.ts";
export { askAccess, type AccessAnswer, type AccessQuestion } from "./access/access-review.ts";
export { reviewToken, type TokenOwner } from "./access/token-review.ts";
export { readJson } from "./access/json-body.ts";
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
export { containerdContainers } from "./containers/containerd-containers.ts";
export { dockerContainers } from "./containers/docker-containers.ts";
export { followContainers, type ContainersFollowSettings } from "./containers/follow-containers.ts";
export type { ContainerLister, PlainContainer } from "./containers/plain-container.ts";
export { followCri, type CriConnection, type CriEnd, type CriFollowSettings } from "./cri/follow-cri.ts";
export { followKubelet, type KubeletFollowSettings } from "./kubelet/follow-kubelet.ts";
export { kubeletUrl } from "./kubelet/kubelet-client.ts";
export type { KubeletSettings } from "./kubelet/kubelet-settings.ts";
export { PodPoller, type PodPollerSettings, type Polling, type PollState } from "./polling/pod-poller.ts";
export { loadObjectFile, type FileObjects } from "./decoding/object-file.ts";
export { reflectObjects, type ObjectReflectionSettings } from "./reflection/reflect-objects.ts";
export { reflectPods, type PodReflectionSettings } from "./reflection/reflect-pods.ts";
export type { Reflection, ReflectorPhase, ReflectorState } from "./reflection/reflector.ts";
export type { Pace } from "./reflection/reflector-course.ts";
export { collectionPath, PODS, RESOURCES, type Resource, type Selection } from "./reflection/resource.ts";
