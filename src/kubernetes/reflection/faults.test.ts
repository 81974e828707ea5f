import { expect, test } from "vitest";
import { HELD, listSteps, ReflectorBench as Bench, watchStep } from "../fixtures/reflector-bench.ts";
import type { Reply } from "../fixtures/scripted-api-server.ts";

const JSON_TYPE = { "content-type": "application/json" };

function event(type: string, uid: string, more: object = {}): string {
  const object = { apiVersion: "v1", kind: "Pod", metadata: { uid, name: `pod-${uid}`, ...more } };
  return `${JSON.stringify({ type, object })}\n`;
}

test("answers that take five seconds are waited for", async () => {
  const gates = listSteps().map(() => Promise.withResolvers<void>());
  const slow = listSteps().map((step, at) => ({ ...step, reply: { ...step.reply, after: gates[at]!.promise } }));
  await using bench = await Bench.start([...slow, watchStep(HELD)]);
  for (const [at, gate] of gates.entries()) {
    await bench.server.whenAsked(at + 1);
    await bench.clock.advance(5_000);
    gate.resolve();
  }
  await bench.reflection!.synced;
  expect(bench.sink.sizesListed).toEqual([25]);
  await bench.server.whenAsked(4);
});

test("a watch that ends every second loses nothing, lists nothing again, and is begun at a bounded pace", async () => {
  const watches = 20;
  const ends = Array.from({ length: watches }, () => Promise.withResolvers<void>());
  const short = ends.map(({ promise }, at) =>
    watchStep({
      headers: JSON_TYPE,
      body: event("ADDED", `short-${at}`, { resourceVersion: String(9_000_000 + at) }),
      after: promise,
    }),
  );
  await using bench = await Bench.start([...listSteps(), ...short, watchStep(HELD)]);
  await bench.reflection!.synced;
  const beganMs = bench.clock.nowMs();
  for (const [at, { resolve }] of ends.entries()) {
    await bench.untilAsked(4 + at);
    await bench.clock.advance(1_000);
    resolve();
    await bench.sink.until(({ known }) => known.has(`short-${at}`));
  }
  await bench.untilAsked(4 + watches);
  expect([bench.sink.known.size, bench.sink.sizesListed]).toEqual([25 + watches, [25]]);
  // A second each, and at most the longest pause of half a minute.
  expect(bench.clock.nowMs() - beganMs).toBeLessThan(watches * 31_000);
});

test.each<[string, Reply]>([
  ["half a JSON document", { headers: JSON_TYPE, body: event("ADDED", "half").slice(0, 40) }],
  ["JSON of something else", { headers: JSON_TYPE, body: '{"type":7,"object":[]}\n[]\nnull\n' }],
  ["garbage as JSON", { headers: JSON_TYPE, body: "\u0000\u0001}{\n" }],
  ["garbage as protobuf", { ...HELD, body: Buffer.alloc(5_000, 0xff), ending: "end" }],
  ["a page for people", { headers: { "content-type": "text/html" }, body: "<h1>Bad Gateway</h1>" }],
])("a watch that answers with %s is begun again, and nothing is forgotten", async (_, reply) => {
  await using bench = await Bench.start([...listSteps(), watchStep(reply), watchStep(HELD)]);
  await bench.untilAsked(5);
  expect([bench.sink.known.size, bench.sink.sizesListed]).toEqual([25, [25]]);
});

test("100,000 events in one burst are all taken, while other work goes on", async () => {
  const events = 100_000;
  const body = Array.from({ length: events }, (_, at) => event("ADDED", `burst-${at % 500}`, { generation: at })).join(
    "",
  );
  const counted = { upserts: 0 };
  const sink = {
    listing: () => undefined,
    upsert: () => void counted.upserts++,
    remove: () => undefined,
    listed: () => undefined,
  };
  await using bench = await Bench.start([...listSteps(), watchStep({ headers: JSON_TYPE, body, ending: "hold" })], {
    sink,
  });
  await bench.reflection!.synced;
  let turns = 0;
  while (counted.upserts < 25 + events) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  expect(counted.upserts).toBe(25 + events);
  expect(turns).toBeGreaterThan(10);
});

test("of pods with an annotation of a mebibyte only what is wanted is kept", async () => {
  const pods = Array.from({ length: 20 }, (_, at) => ({
    metadata: { uid: `big-${at}`, name: `big-${at}`, annotations: { big: "x".repeat(1 << 20), note: "kept" } },
  }));
  const list = { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7" }, items: pods };
  const big = event("ADDED", "late", { annotations: { big: "x".repeat(1 << 20), note: "kept" } });
  await using bench = await Bench.start(
    [
      { reply: { headers: JSON_TYPE, body: JSON.stringify(list) } },
      watchStep({ headers: JSON_TYPE, body: big, pieceBytes: 16_384, ending: "hold" }),
    ],
    { keys: { label: () => true, annotation: (key) => key === "note" } },
  );
  await bench.sink.until(({ known }) => known.size === 21);
  for (const pod of bench.sink.known.values()) expect([...pod.annotations]).toEqual([["note", "kept"]]);
});
