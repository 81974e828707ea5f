import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { foldedOf } from "../testing/answers.ts";
import { describeProfileStore } from "../testing/conformance-suite.ts";
import { requestOf } from "../testing/requests.ts";
import { compact } from "./compaction-process.ts";
import { type EmbeddedStore, openEmbeddedStore } from "./index.ts";
import { temporaryStores } from "./testing/temporary-store.ts";

describeProfileStore("store on disk, samples in merged blocks", temporaryStores(), async (store) => {
  await store.flush();
  await (store as EmbeddedStore).tidied();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Math.floor(Date.now() / HOUR) * HOUR - 5 * HOUR;
/** Nanoseconds that a sample stands for. */
const HIT = 50_000_000;
/** Their spans are random, so that they take more than 2 MB. */
const SAMPLES = 110_000;

test("large files of single samples stay as they are when an hour is merged, and are read with it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "podflame-merge-"));
  const clock = new ManualClock(START + 40 * MINUTE);
  const open = () => openEmbeddedStore({ directory, clock, limits: { minFreeBytes: 0 } }, compact);
  let store = await open();
  try {
    const traces = new Map<string, string>();
    for (const [name, minute] of Object.entries({ early: 1, late: 31 })) {
      const samples = Array.from({ length: SAMPLES }, (_, at) => ({
        stack: ["main", name],
        time: START + minute * MINUTE + (at % 50_000),
        trace: randomBytes(16).toString("hex"),
        span: randomBytes(8).toString("hex"),
      }));
      traces.set(name, samples[7]!.trace);
      const bytes = await requestOf({ resource: { "container.id": "c".repeat(64) }, samples });
      await store.append({ bytes, receivedAt: clock.nowMs() });
      await store.flush();
    }
    const before = await filesOf(directory);
    await clock.advance(25 * MINUTE);
    await store.tidied();
    const after = await filesOf(directory);
    expect(after.events).toEqual(before.events);
    expect([before.events, before.totals, after.totals].map(({ length }) => length)).toEqual([2, 2, 1]);
    for (const _ of ["as merged", "after a start"]) {
      expect(await hits(store, undefined)).toBe(2 * SAMPLES);
      for (const trace of traces.values()) expect(await hits(store, [trace])).toBe(1);
      await store.close();
      store = await open();
    }
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
});

async function filesOf(directory: string) {
  const names = (await readdir(join(directory, "10s"))).sort();
  const of = (kind: string): readonly string[] => names.filter((name) => name.includes(`-${kind}`));
  return { events: of("events"), totals: of("totals") };
}

async function hits(store: EmbeddedStore, links: readonly string[] | undefined): Promise<number> {
  const folded = await foldedOf(store, { from: START, to: START + HOUR }, links ? { links } : {});
  return Object.values(folded).reduce((sum, value) => sum + value, 0) / HIT;
}
