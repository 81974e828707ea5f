import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";
import type { ProfileStore } from "../profile-store.ts";
import { restartSuite } from "../testing/restart-suite.ts";
import { compact } from "./compaction-process.ts";
import { openEmbeddedStore } from "./index.ts";
import { RETENTION } from "./testing/temporary-store.ts";

const folders: string[] = [];
const directories = new Map<ProfileStore, string>();

async function openIn(directory: string): Promise<ProfileStore> {
  const store = await openEmbeddedStore({ directory, limits: { minFreeBytes: 0 }, retention: RETENTION }, compact);
  directories.set(store, directory);
  return store;
}

afterEach(async () => {
  for (const store of directories.keys()) await store.close();
  directories.clear();
});

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

restartSuite(
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "podflame-store-"));
    folders.push(directory);
    return openIn(directory);
  },
  async (store) => {
    await store.close();
    return openIn(directories.get(store)!);
  },
);
