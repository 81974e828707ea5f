/** Profiles that survive: ingest, blocks, retention, questions. Start with `ProfileStore`. */
export * from "./profile-store.ts";
