import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  loadLayouts,
  ModelBuilder,
  ParseError,
  SamplesBuilder,
} from "#otlp";
import { compact } from "./compaction-process.ts";
import { type EmbeddedStore, openEmbeddedStore } from "./index.ts";

const NOW = Date.now();
/** Frames that a stack may have. */
const MOST = 16_384;

let directory: string;
let store: EmbeddedStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "podflame-stacks-"));
  store = await openEmbeddedStore({ directory, limits: { minFreeBytes: 0 } }, compact);
});

afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

/** A request with a sample for each stack, which is given as the frames of its locations: functions inlined in each other. */
async function requestOf(
  stacks: readonly (readonly number[])[],
  processes: readonly string[] = [],
): Promise<Uint8Array> {
  const builder = new ModelBuilder();
  const samples = new SamplesBuilder();
  const functions = Array.from({ length: 10 }, (_, at) => builder.function(builder.string(`f${at}`)));
  const known = new Map<number, number>();
  const locationOf = (frames: number): number => {
    let location = known.get(frames);
    if (location === undefined) {
      const lines = Array.from({ length: frames }, (_, at) => ({ function: functions[at % 10]!, line: 1n }));
      known.set(frames, (location = builder.location({ lines })));
    }
    return location;
  };
  const key = builder.string("process.executable.name");
  const attributes = processes.map((name) => [builder.attribute(key, name)]);
  for (const stack of stacks) {
    const number = builder.stack(stack.map(locationOf));
    for (const of of attributes.length > 0 ? attributes : [[]]) {
      samples.add(number, of, 0, [1n], [BigInt(NOW) * 1_000_000n]);
    }
  }
  const profile = {
    ...EMPTY_PROFILE,
    types: [{ type: builder.string("samples"), unit: builder.string("count"), temporality: 0 }],
    samples: samples.finish(),
  };
  const resource = {
    ...EMPTY_RESOURCE,
    resource: encodeResource([["container.id", "c".repeat(64)]]),
    scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }],
  };
  const { writeProfiles } = await loadLayouts();
  const written = writeProfiles(builder.finish([resource]), "D10");
  if (written instanceof ParseError) throw written;
  return written.bytes;
}

async function send(...parts: Parameters<typeof requestOf>) {
  const { samples, rejected } = await store.append({ bytes: await requestOf(...parts), receivedAt: NOW });
  return { samples, rejected: Object.fromEntries(rejected) };
}

describe("a stack with very many frames", () => {
  test("is stored as long as they are as many as a stack may have", async () => {
    expect(await send([new Array<number>(MOST / 4).fill(4)])).toEqual({ samples: 1, rejected: {} });
    const all = { from: NOW - 60_000, to: NOW + 60_000 };
    const [span] = await store.resolve([], all, "samples");
    const sums = await store.sum({ type: "samples", range: all, spans: [{ ...span!, group: 0 }], by: "stack" });
    let depth = 0;
    for (let node = sums.node[0]!; sums.nodes.parent[node] !== 0; node = sums.nodes.parent[node]!) depth++;
    expect(depth).toBe(MOST);
  });

  test("is counted, and its neighbours are stored", async () => {
    const stacks = [[3, 2], [MOST + 1], [2, 3], [MOST / 2, MOST / 2, 1]];
    expect(await send(stacks)).toEqual({ samples: 2, rejected: { too_deep: 2 } });
  });

  // 700 kB of a request as 10 billion frames: so many would keep everyone waiting for minutes.
  test("takes no time where few bytes stand for it", async () => {
    const deep = new Array<number>(100_000).fill(100_000);
    expect(await send([deep, [1]])).toEqual({ samples: 1, rejected: { too_deep: 1 } });
  });

  // Its locations are looked at once, not once a sample: that would be 6 billion.
  test("takes no time either where two processes have it in turn", async () => {
    const processes = Array.from({ length: 400_000 }, (_, at) => `process-${at % 2}`);
    expect(await send([new Array<number>(MOST - 1).fill(1)], processes)).toEqual({ samples: 400_000, rejected: {} });
  });

  test("counts again with each stack, so that those of a request are bounded together", async () => {
    const stacks = Array.from({ length: 1500 }, (_, at) => [16_000, 1 + (at % 40), 1 + Math.floor(at / 40)]);
    const { samples, rejected } = await send(stacks);
    // Some 2^20 frames: 65 stacks.
    expect(samples).toBeGreaterThan(60);
    expect(samples).toBeLessThan(70);
    expect(rejected).toEqual({ too_deep: 1500 - samples });
  });
});
