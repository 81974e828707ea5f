/**
 * Profiles on the disk of one machine: a journal, Parquet blocks written and read by DuckDB, and an SQLite catalogue. Start
 * with `openEmbeddedStore`; what the files hold is in block-files.ts and names-files.ts. DuckDB is loaded when a store opens.
 */
export { type JobRunner, runJob } from "./compactor.ts";
export { type EmbeddedStore, openEmbeddedStore } from "./embedded-store.ts";
export {
  checkSettings,
  DEFAULT_RETENTION,
  DEFAULT_STORE_LIMITS,
  type EmbeddedStoreSettings,
  type Retention,
  type StoreLimits,
} from "./settings.ts";
