/** Profiles that survive: ingest, blocks, retention, questions. Start with `ProfileStore`. */
export * from "./profile-store.ts";
export {
  checkSettings,
  type EmbeddedStore,
  type EmbeddedStoreSettings,
  type JobRunner,
  openEmbeddedStore,
  type Retention,
  runJob,
  type StoreLimits,
} from "./embedded/index.ts";
export { MemoryStore, type MemoryStoreSettings } from "./memory/index.ts";
export { NAMED_STORES_SERVICE, NamedStores } from "./named-stores.ts";
export { compileMatcher, labelName, WORKLOAD_KIND, WORKLOAD_NAME, WORKLOAD_REVISION } from "./series/index.ts";
