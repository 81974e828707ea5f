import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import type { StackSums } from "../profile-store.ts";
import { requestOf } from "../testing/requests.ts";
import { compact } from "./compaction-process.ts";
import { type EmbeddedStore, openEmbeddedStore } from "./index.ts";
import type { StoreLimits } from "./settings.ts";

const HOUR = 3_600_000;
const START = Math.floor(Date.now() / HOUR) * HOUR - 5 * HOUR;
const HIT = 50_000_000;
/** Samples of that age take numbers for their stacks, and reach no block. */
const TOO_OLD = 400 * 24 * HOUR;
/** A few bytes: whatever is written is more. */
const NOTHING = 1;

let directory: string;
let clock: ManualClock;
let store: EmbeddedStore | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "podflame-collection-"));
  clock = new ManualClock(START + HOUR);
});

afterEach(async () => {
  await store?.close();
  store = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** Opens the store, which is closed first if it was open. */
async function open(limits: Partial<StoreLimits>, tierBytes = Infinity): Promise<EmbeddedStore> {
  await store?.close();
  const retention = { fineBytes: tierBytes, minutesBytes: tierBytes, coarseBytes: tierBytes };
  store = await openEmbeddedStore(
    { directory, clock, retention, limits: { minFreeBytes: 0, stackNodes: 1000, ...limits } },
    compact,
  );
  return store;
}

/** Sends stacks `main;BATCH-N;leaf-N`, of which each takes two nodes. Returns what was refused, by reason. */
async function send(
  to: EmbeddedStore,
  batch: string,
  stacks: number,
  age = 1000,
): Promise<ReadonlyMap<string, number>> {
  const samples = Array.from({ length: stacks }, (_, index) => ({
    stack: ["main", `${batch}-${index}`, `leaf-${index}`],
    time: clock.nowMs() - age,
  }));
  const bytes = await requestOf({ resource: { "container.id": "c".repeat(64) }, samples });
  return (await to.append({ bytes, receivedAt: clock.nowMs() })).rejected;
}

async function sums(of: EmbeddedStore): Promise<StackSums> {
  const all = { from: START - HOUR, to: clock.nowMs() + HOUR };
  const spans = await of.resolve([], all, "cpu");
  return of.sum({ type: "cpu", range: all, spans: spans.map((span) => ({ ...span, group: 0 })), by: "stack" });
}

/** Values by stack, without the process. */
function textOf({ nodes, frames, length, node, value }: StackSums): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (let at = 0; at < length; at++) {
    const names: string[] = [];
    for (let one = node[at]!; nodes.parent[one] !== 0; one = nodes.parent[one]!) {
      expect(nodes.parent[one]!).toBeLessThan(one);
      names.unshift(frames.at(nodes.frame[one]!).name);
    }
    const stack = names.join(";");
    found.set(stack, (found.get(stack) ?? 0) + value[at]!);
  }
  return found;
}

function expected(batches: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [batch, stacks] of batches) {
    for (let index = 0; index < stacks; index++) found.set(`main;${batch}-${index};leaf-${index}`, HIT);
  }
  return found;
}

async function namesFiles(): Promise<readonly string[]> {
  return (await readdir(join(directory, "names"))).map((name) => name.split("-")[0]!).sort();
}

describe("a store whose names have no room left", () => {
  test.each([
    ["stacks", { stackNodes: 1000 }, "stacks_limit"],
    ["frames", { frames: 1000, stackNodes: 1e6 }, "frames_limit"],
    ["bytes of names", { nameBytes: 100_000, stackNodes: 1e6 }, "frames_limit"],
  ] as const)(
    "refuses new %s, and takes them once retention has removed what had the old ones",
    async (_, limits, reason) => {
      const one = await open(limits, NOTHING);
      for (const batch of ["first", "second", "third"]) {
        const refused = await send(one, `${batch}-${"x".repeat(80)}`, 1500);
        expect([...refused.keys()]).toEqual([reason]);
        expect(refused.get(reason)).toBeGreaterThan(400);
        expect((await send(one, "known", 1)).size + (await sums(one)).length).toBeGreaterThan(300);
        await one.flush();
        // Frees nothing if it comes before the blocks are gone, and not more often than each hour.
        await one.tidied();
        await clock.advance(HOUR);
        await one.tidied();
      }
      expect(await send(one, "last", 300)).toEqual(new Map());
      expect(textOf(await sums(one))).toEqual(expected([["last", 300]]));
      await open(limits);
      expect(textOf(await sums(store!))).toEqual(expected([["last", 300]]));
    },
  );

  test("keeps what blocks and the head have, in memory and on disk", async () => {
    let one = await open({ stackNodes: 1200 });
    const batches: (readonly [string, number])[] = [];
    for (const batch of ["a", "b", "c"]) {
      batches.push([batch, 150]);
      expect(await send(one, batch, 150)).toEqual(new Map());
      await one.flush();
    }
    // Takes numbers, and reaches no block.
    await send(one, "garbage", 20, TOO_OLD);
    batches.push(["in-the-head", 20]);
    expect(await send(one, "in-the-head", 20)).toEqual(new Map());
    await one.tidied();
    expect(await namesFiles()).toEqual(["frames", "nodes", "texts"]);
    expect(textOf(await sums(one))).toEqual(expected(batches));
    // What was freed is used again, and found again after a start.
    batches.push(["later", 30]);
    expect(await send(one, "later", 30)).toEqual(new Map());
    one = await open({ stackNodes: 1200 });
    expect(textOf(await sums(one))).toEqual(expected(batches));
  });

  test("keeps what is wanted again while it is being removed", async () => {
    let one = await open({ stackNodes: 1000 });
    await send(one, "kept", 200);
    const garbage = 200;
    for (let at = 0; at < garbage; at++) await send(one, `garbage${at}`, 1, TOO_OLD);
    let [isTidy, wanted] = [false, 0];
    const tidied = one.tidied().then(() => (isTidy = true));
    while (!isTidy && wanted < garbage) await send(one, `garbage${wanted++}`, 1);
    await tidied;
    expect(wanted).toBeGreaterThan(5);
    const all = expected([["kept", 200], ...Array.from({ length: wanted }, (_, at) => [`garbage${at}`, 1] as const)]);
    expect(textOf(await sums(one))).toEqual(all);
    one = await open({ stackNodes: 1000 });
    expect(textOf(await sums(one))).toEqual(all);
  });

  test("leaves answers as they are that were given before", async () => {
    const one = await open({ stackNodes: 1000 }, NOTHING);
    await send(one, "old", 450);
    const before = await sums(one);
    await one.flush();
    await one.tidied();
    await clock.advance(HOUR);
    await one.tidied();
    expect(await send(one, "new", 450)).toEqual(new Map());
    expect(textOf(before)).toEqual(expected([["old", 450]]));
    expect(textOf(await sums(one))).toEqual(expected([["new", 450]]));
  });

  test("holds any mixture of batches through collections and starts, while requests come", async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant("send" as const), stacks: fc.integer({ min: 1, max: 200 }) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("flush" as const), stacks: fc.constant(0) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("collect" as const), stacks: fc.integer({ min: 0, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("start" as const), stacks: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        await rm(directory, { recursive: true, force: true });
        let one = await open({ stackNodes: 1000 });
        const held = new Map<string, number>();
        let name = 0;
        const add = async (stacks: number, batch = `batch${++name}`): Promise<void> => {
          const refused = (await send(one, batch, stacks)).get("stacks_limit") ?? 0;
          // Those that come first find room.
          const kept = [...expected([[batch, stacks]])].slice(0, stacks - refused);
          for (const [stack, value] of kept) held.set(stack, (held.get(stack) ?? 0) + value);
        };
        for (const { do: what, stacks } of steps) {
          if (what === "send") await add(stacks);
          else if (what === "flush") await one.flush();
          else if (what === "start") one = await open({ stackNodes: 1000 });
          else {
            const garbage = `garbage${name}`;
            await send(one, garbage, stacks, TOO_OLD);
            await clock.advance(HOUR);
            let isTidy = false;
            const tidied = one.tidied().then(() => (isTidy = true));
            for (let at = 0; !isTidy && at < 60; at++) {
              await add(1);
              // What is about to be removed is wanted again.
              if (at % 20 === 10) await add(stacks, garbage);
            }
            await tidied;
          }
          expect(textOf(await sums(one))).toEqual(held);
        }
        await store?.close();
        store = undefined;
      }),
      { numRuns: 12 },
    );
  }, 120_000);
});
