import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { ProfileStore } from "../../profile-store.ts";
import type { SuiteStoreOptions } from "../../testing/conformance-suite.ts";
import { compact } from "../compaction-process.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../index.ts";

/** The suite has recorded requests, which are older than what is kept. */
const DECADE_MS = 3650 * 86_400_000;
export const RETENTION = { rawMs: DECADE_MS, fineMs: DECADE_MS, minutesMs: DECADE_MS, coarseMs: DECADE_MS };

/** What opens stores in folders of their own, which are removed after the file's tests. Blocks are merged in this process. */
export function temporaryStores(): (options?: SuiteStoreOptions) => Promise<ProfileStore> {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  return async (options): Promise<EmbeddedStore> => {
    const directory = await mkdtemp(join(tmpdir(), "podflame-store-"));
    folders.push(directory);
    const settings = { directory, limits: { minFreeBytes: 0 }, retention: RETENTION };
    return openEmbeddedStore(options?.series ? { ...settings, series: options.series } : settings, compact);
  };
}
