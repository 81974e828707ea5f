/**
 * Who is container X: the directory of pods and containers, fed by sources, asked by processors.
 * Start with `Directory`, then `IdentityHub`, which shares one between all who need it. Leaves out what is made of a
 * record (attributes, their encoding) and when to ask: that is its users' business.
 */
export { type ArrivalKey, Arrivals, keyInIndex, keyOfContainer, keyOfUid } from "./arrivals.ts";
export { bareContainerId } from "./container-index.ts";
export { DEFAULT_GRACE_MS, Directory, type DirectorySettings } from "./directory.ts";
export {
  IdentityHub,
  type IdentityHandle,
  type IdentityHubSettings,
  type IdentityNeeds,
  type SyncResult,
} from "./identity-hub.ts";
export { ClusterObjects } from "./cluster-objects.ts";
export type { FollowedContainer, FollowedPod, FollowedState } from "./followed-identity.ts";
export type { Following, FollowSettings } from "./record-follower.ts";
export { TEMPLATE_HASH_LABEL, type UpperOwner, upperOwnerOf, type Workload } from "./workload.ts";
export type { GatewayConnection } from "./gateway/follow-gateway.ts";
export {
  type AgentConnection,
  HEARTBEAT_MS,
  NodeFeeds,
  type NodeFeedsSettings,
  type ServingEnd,
} from "./gateway/node-feeds.ts";
export { IdentityView } from "./identity-view.ts";
export { INTENDED_MISSES, MISS_REASONS, type MissReason } from "./miss-reasons.ts";
export {
  CONNECTION,
  type MissedKey,
  type Place,
  type PlaceSettings,
  UNRESOLVED_KEYS_SERVICE,
  type UnresolvedKey,
  UnresolvedKeys,
} from "./unresolved-keys.ts";
export {
  AMBIGUOUS,
  BY_IP,
  BY_NAME,
  podNameKey,
  type IndexDefinition,
  type PodIndex,
  type TelemetryTime,
} from "./pod-index.ts";
export { type ObjectNeed, type ObjectNeeds, united, type Wanted } from "./object-needs.ts";
export {
  openSource,
  type OpenSource,
  type PodSource,
  type SourceSettings,
  type SourceSinks,
  type SourceState,
} from "./pod-source.ts";
export { type IdentitySources, type NamedSource, sourcesOpener } from "./sources/open-sources.ts";
export { type ContainerInstance, goneSince, LIVE, type ObjectRecord, type PodRecord } from "./records.ts";
export { type AccessRule, accessRules, nodeOf, type PlannedWatch, watchPlan } from "./watch-plan.ts";
