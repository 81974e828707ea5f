import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { describeProfileStore, type SuiteStoreOptions } from "../testing/conformance-suite.ts";
import { compact } from "./compaction-process.ts";
import { type EmbeddedStore, openEmbeddedStore } from "./index.ts";

const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** The suite has recorded requests, which are older than what is kept. */
const DECADE_MS = 3650 * 86_400_000;
const RETENTION = { rawMs: DECADE_MS, fineMs: DECADE_MS, minutesMs: DECADE_MS, coarseMs: DECADE_MS };

async function open(options?: SuiteStoreOptions): Promise<EmbeddedStore> {
  const directory = await mkdtemp(join(tmpdir(), "podflame-store-"));
  folders.push(directory);
  const settings = { directory, limits: { minFreeBytes: 0 }, retention: RETENTION };
  return openEmbeddedStore(options?.series ? { ...settings, series: options.series } : settings, compact);
}

describeProfileStore("store on disk, samples in the head", open);
describeProfileStore("store on disk, samples in blocks", open, (store) => store.flush());
describeProfileStore("store on disk, samples in merged blocks", open, async (store) => {
  await store.flush();
  await (store as EmbeddedStore).tidied();
});
