import { MemoryStore, type ProfileStore } from "#store";
import type { Telemetry } from "#telemetry";
import type { StoreExporterConfig } from "./config.ts";

export async function openStore(_config: StoreExporterConfig, _telemetry: Telemetry): Promise<ProfileStore> {
  return MemoryStore.open();
}
