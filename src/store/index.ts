/** Profiles that survive: ingest, blocks, retention, questions. Start with `ProfileStore`. */
export * from "./profile-store.ts";
export { MemoryStore, type MemoryStoreSettings } from "./memory/index.ts";
export { NAMED_STORES_SERVICE, NamedStores } from "./named-stores.ts";
export { labelName, WORKLOAD_KIND, WORKLOAD_NAME, WORKLOAD_REVISION } from "./series/index.ts";
