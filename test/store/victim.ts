/**
 * A store that is to be killed: node test/store/victim.ts DIRECTORY ITERATION FIRST. Tells on standard output, a JSON value
 * a line: what it holds (by request), then each request before it's sent and when it was acknowledged. Each iteration is
 * five minutes later than the one before, so that hours end and blocks are merged. Stacks that no sample is kept of fill the
 * room of names, so that those are collected.
 */
import { writeSync } from "node:fs";
import { openEmbeddedStore, type ProfileStore, type TimeRange } from "../../src/store/index.ts";
import { requestOf } from "../../src/store/testing/requests.ts";
import { silentLogger, systemClock } from "../../src/telemetry/index.ts";

/** A whole hour; everything that is stored is behind it. */
const START = 1_795_348_800_000;
const STEP_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

const [directory, iteration, first] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const base = START + iteration * STEP_MS;
const began = performance.now();
const now = (): number => base + (performance.now() - began);

/** Returns when it's said, for the next moment may be the last. A pipe takes what it has room for. */
function say(line: unknown): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Values by request, as the leaves of stacks name them. */
async function held(store: ProfileStore, range: TimeRange): Promise<Map<string, number>> {
  const spans = await store.resolve([], range, "cpu");
  const { nodes, frames, length, node, value } = await store.sum({
    type: "cpu",
    range,
    spans: spans.map((span) => ({ ...span, group: 0 })),
    by: "stack",
  });
  const sums = new Map<string, number>();
  for (let at = 0; at < length; at++) {
    const { name } = frames.at(nodes.frame[node[at]!]!);
    sums.set(name, (sums.get(name) ?? 0) + value[at]!);
  }
  return sums;
}

/** Each request has a node or two of its own. */
const stackNodes = 10_000 + 5 * first;
const store = await openEmbeddedStore({
  directory,
  clock: { ...systemClock, nowMs: now },
  flushIntervalMs: 100,
  fsyncIntervalMs: 20,
  collectIntervalMs: 150,
  logger: {
    ...silentLogger,
    info: (message) => {
      if (message.includes("no sample has")) say({ collected: true });
    },
  },
  limits: { minFreeBytes: 0, stackNodes },
});
// Hour by hour from the finest tier, and at once, which a long range answers from a coarser one.
const byHour = new Map<string, number>();
for (let from = START; from < base + HOUR_MS; from += HOUR_MS) {
  for (const [name, value] of await held(store, { from, to: from + HOUR_MS })) {
    byHour.set(name, (byHour.get(name) ?? 0) + value);
  }
}
const atOnce = await held(store, { from: START, to: base + 12 * HOUR_MS });
say({ held: [...byHour], atOnce: [...atOnce], damaged: store.state().damaged, lost: [...store.state().lost] });

let request = first;
async function send(): Promise<void> {
  for (;;) {
    const number = request++;
    const hits = (number % 7) + 1;
    const bytes = await requestOf({
      resource: { "container.id": String(number % 5).repeat(64), "service.name": `service-${number % 3}` },
      samples: Array.from({ length: hits }, (_, hit) => ({
        stack: ["main", `step-${number % 11}`, `request-${number}`],
        time: base + 30_000 - hit * 3000,
      })),
    });
    say({ sent: number, hits });
    await store.append({ bytes, receivedAt: base });
    say({ acknowledged: number });
    // A moment for flushes and merges, which are what is to be interrupted.
    await systemClock.sleep(4);
  }
}

/** Takes numbers for stacks of which no sample is kept, the same each time: beyond three quarters of all there may be. */
async function litter(): Promise<void> {
  for (;;) {
    const samples = Array.from({ length: 1000 }, (_, at) => ({ stack: ["main", `litter-${at}`], time: 1e12 }));
    for (let part = 0; part < (stackNodes * 0.77) / samples.length; part++) {
      const bytes = await requestOf({ resource: { "process.executable.name": `litter-${part}` }, samples });
      const { rejected } = await store.append({ bytes, receivedAt: base });
      if (rejected.has("stacks_limit")) throw new Error("the victim leaves no room for requests");
    }
    await systemClock.sleep(100);
  }
}

// Nothing else would keep the process alive while all of them wait.
setInterval(() => undefined, 1000);
await Promise.all([send(), send(), send(), litter()]);
