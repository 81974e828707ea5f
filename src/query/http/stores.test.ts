import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEmbeddedStore } from "#store";
import { DEMO_NOW, type DemoApi, demoApi } from "../testing/demo-api.ts";

const DECADE_MS = 3650 * 86_400_000;
/** The demo's time is a fixed one, which may be long ago. */
const RETENTION = { rawMs: DECADE_MS, fineMs: DECADE_MS, minutesMs: DECADE_MS, coarseMs: DECADE_MS };
/** What stores may tell in their own ways: how they found an answer, and up to where they can. */
const OWN_WAYS = new Set(["plan", "visibleUpTo"]);
const CHECKOUT = encodeURIComponent('{namespace="checkout"}');
const NODE = encodeURIComponent('{process="node"}');
/** Edges of buckets, so that both stores mean the same time. */
const HOUR = `from=${DEMO_NOW - 3_600_000}&to=${DEMO_NOW - 600_000}`;

let folder: string;
let memory: DemoApi;
let disk: DemoApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "podflame-stores-"));
  const store = await openEmbeddedStore({ directory: folder, limits: { minFreeBytes: 0 }, retention: RETENTION });
  [memory, disk] = await Promise.all([demoApi(), demoApi({ store })]);
});

afterAll(async () => {
  await Promise.all([memory.store.close(), disk.store.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** Questions whose answers are the same whatever profiles are kept in. */
const QUESTIONS = [
  `profile_types?${HOUR}`,
  `labels?${HOUR}`,
  `labels/pod/values?${HOUR}`,
  `labels/process/values?${HOUR}&query=${CHECKOUT}`,
  `tree?${HOUR}`,
  `tree?${HOUR}&query=${CHECKOUT}&limit=9`,
  `tree?${HOUR}&type=inuse_space`,
  `timeline?${HOUR}&group_by=namespace&step=1m`,
  `timeline?${HOUR}&group_by=process&step=5m`,
  `timeline?${HOUR}&type=off_cpu&step=1m`,
  `flamegraph?${HOUR}&max_nodes=400`,
  `flamegraph?${HOUR}&group_by=workload_name&query=${CHECKOUT}&granularity=line`,
  `flamegraph?${HOUR}&type=inuse_space`,
  `flamegraph?${HOUR}&query=${NODE}&min_share=0.01`,
  `diff?${HOUR}&other_query=${CHECKOUT}&max_nodes=200&mode=relative`,
  `top?${HOUR}&limit=50`,
  `sandwich?${HOUR}&function=main.goHash`,
  `heatmap?from=${DEMO_NOW - 90_000}&to=${DEMO_NOW - 60_000}&rows=20`,
  `unattributed?${HOUR}`,
] as const;

describe.for(["samples in the head", "samples in blocks"])("a store on disk, %s", (where) => {
  beforeAll(async () => {
    if (where === "samples in blocks") await disk.store.flush();
  });

  test.for(QUESTIONS)("answers %s as one in memory does", async (path) => {
    expect(comparable(await disk.get(path))).toEqual(comparable(await memory.get(path)));
  });
});

/** Without what is each store's own, and with as many digits as sums in another order have in common. */
function comparable(answer: unknown): unknown {
  if (typeof answer === "number") return Number(answer.toPrecision(9));
  if (Array.isArray(answer)) return answer.map(comparable);
  if (typeof answer !== "object" || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer).flatMap(([key, value]) => (OWN_WAYS.has(key) ? [] : [[key, comparable(value)]])),
  );
}
