import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import type { MissReason } from "./miss-reasons.ts";
import { type MissedKey, type Place, UnresolvedKeys } from "./unresolved-keys.ts";

const BY_ID = ["container.id"];
const BY_NAME = ["k8s.namespace.name", "k8s.pod.name"];

let clock: ManualClock;
let keys: UnresolvedKeys;
let known: Set<string>;
let place: Place;

beforeEach(() => {
  clock = new ManualClock();
  keys = new UnresolvedKeys(clock, 3);
  known = new Set();
  place = opened("traces");
});

function opened(signal: string): Place {
  const rules = [BY_ID, BY_NAME, ["connection"]];
  return keys.open({ processor: "p", signal, rules, telling: ["service.name"], isKnown: (key) => known.has(key) });
}

function missed(id: string, reason: MissReason = "never_seen", detail?: string): MissedKey {
  return { names: BY_ID, values: [id], reason, arrivalKey: `container ${id}`, detail };
}

test("counts a key, with when it came first and last", async () => {
  const firstSeenMs = clock.nowMs();
  place.note(missed("a"));
  await clock.advance(5_000);
  place.note(missed("a"));
  expect(keys.list()).toEqual([
    {
      processor: "p",
      signal: "traces",
      key: { "container.id": "a" },
      reason: "never_seen",
      count: 2,
      firstSeenMs,
      lastSeenMs: firstSeenMs + 5_000,
      isKnownNow: false,
    },
  ]);
});

test("tells the last reason of a key, and whether it would be named now", () => {
  place.note(missed("a", "not_synced", "503"));
  place.note(missed("a", "gone", "since noon"));
  known.add("container a");
  expect(keys.list()).toMatchObject([{ reason: "gone", detail: "since noon", count: 2, isKnownNow: true }]);
});

test("who hasn't come for the longest time gives way, and is counted", async () => {
  for (const id of ["a", "b", "c", "a", "d"]) {
    place.note(missed(id));
    await clock.advance(2_000);
  }
  expect(keys.list().map(({ key }) => key["container.id"])).toEqual(["d", "a", "c"]);
  expect(keys.forgotten).toBe(1);
});

test("whoever sees a resource later finds why it isn't named, by the first of its rules that led nowhere", () => {
  place.note(missed("a"));
  place.note({ names: BY_NAME, values: ["shop", "web"], reason: "gone", arrivalKey: undefined, detail: undefined });
  const find = (attributes: Record<string, string>, peer = ""): string | undefined =>
    keys.find("traces", new Map(Object.entries(attributes)), peer)?.reason;
  expect(find({ "container.id": "a", more: "x" })).toBe("never_seen");
  expect(find({ "k8s.namespace.name": "shop", "k8s.pod.name": "web", "container.id": "b" })).toBe("gone");
  expect(find({ "container.id": "b" })).toBeUndefined();
  expect(keys.find("logs", new Map([["container.id", "a"]]), "")).toBeUndefined();
  known.add("container a");
  expect(find({ "container.id": "a" })).toBeUndefined();
});

test("a resource without a rule is found by what tells it, unless a rule applies to it", () => {
  place.note({
    names: ["service.name"],
    values: ["web"],
    reason: "no_identifier",
    arrivalKey: undefined,
    detail: undefined,
  });
  const web = new Map([["service.name", "web"]]);
  expect(keys.find("traces", web, "")?.reason).toBe("no_identifier");
  expect(keys.find("traces", web, "10.0.0.1")).toBeUndefined();
});

test("what a pipeline noted goes with it", () => {
  const logs = opened("logs");
  place.note(missed("a"));
  logs.note(missed("a"));
  place.close();
  expect(keys.list().map(({ signal }) => signal)).toEqual(["logs"]);
});

test("stays bounded and finds what it keeps, whatever values senders make up", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 10, unit: "binary" }), { maxLength: 8 }),
      fc.nat(100),
      (words, times) => {
        const values = words.map((word) => word.repeat(times));
        const all = new UnresolvedKeys(clock, 5);
        const at = all.open({ processor: "p", signal: "s", rules: [BY_ID], telling: [], isKnown: () => false });
        for (const value of values) at.note(missed(value));
        expect(all.size).toBeLessThanOrEqual(5);
        for (const { key } of all.list()) expect(key["container.id"]!.length).toBeLessThanOrEqual(321);
        const last = values.at(-1);
        if (last !== undefined && last !== "")
          expect(all.find("s", new Map([["container.id", last]]), "")).toBeDefined();
      },
    ),
  );
});
