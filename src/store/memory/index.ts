/** Profiles in memory: what the contract means, in the plainest way. Start with `MemoryStore`. */
export { MemoryStore, type MemoryStoreSettings } from "./memory-store.ts";
