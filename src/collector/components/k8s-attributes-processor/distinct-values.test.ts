import fc from "fast-check";
import { expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { DistinctValues } from "./distinct-values.ts";
import { podOf, processorOf } from "./processor-fixture.ts";

test("admits as many values as allowed, and those again that it knows", () => {
  const values = new DistinctValues(new ManualClock());
  expect(["a", "b", "a", "c", "b"].map((value) => values.admit("team", value, 2))).toEqual([
    true,
    true,
    true,
    false,
    true,
  ]);
  expect(values.admit("app", "c", 2)).toBe(true);
  expect(values.list()).toEqual([
    { name: "team", values: 2, leftOut: 1 },
    { name: "app", values: 1, leftOut: 0 },
  ]);
});

test("begins anew after an hour", async () => {
  const clock = new ManualClock();
  const values = new DistinctValues(clock);
  for (const value of ["a", "b"]) values.admit("team", value, 1);
  await clock.advance(3_600_000);
  expect(values.list()).toEqual([]);
  expect(values.admit("team", "b", 1)).toBe(true);
});

test("counts what isn't limited, and stays bounded", () => {
  const values = new DistinctValues(new ManualClock());
  let admitted = 0;
  for (let at = 0; at < 200_001; at++) if (values.admit("id", String(at), Infinity)) admitted++;
  expect(admitted).toBe(200_001);
  expect(values.list()).toEqual([{ name: "id", values: 200_000, leftOut: 0 }]);
  expect(values.admit("other", "first", 10)).toBe(false);
});

test("tells values apart as a set does", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (all) => {
      const values = new DistinctValues(new ManualClock());
      for (const value of all) values.admit("n", value, Infinity);
      expect(values.list()[0]?.values ?? 0).toBe(new Set(all).size);
    }),
  );
});

test("an attribute of a pattern has an end of values, and says so; one that is written out has none", async () => {
  const pods = ["a", "b", "c"].map((uid) => podOf({ uid, name: uid, labels: new Map([["id", uid]]) }));
  const labels = [{ key_regex: "id" }, { key: "id", tag_name: "own" }];
  const fixture = await processorOf(
    {
      extract: { metadata: [], key_regex_max_values: 2, labels },
      pod_association: [{ sources: [{ from: "resource_attribute", name: "k8s.pod.uid" }] }],
    },
    { pods },
  );
  const named = [];
  for (const uid of ["a", "b", "c", "a"]) {
    const { "k8s.pod.label.id": id, own } = await fixture.name({ "k8s.pod.uid": uid });
    named.push([id, own]);
  }
  expect(named).toEqual([
    ["a", "a"],
    ["b", "b"],
    [undefined, "c"],
    ["a", "a"],
  ]);
  expect(fixture.metrics.value("podflame_identity_attributes_dropped")).toBe(1);
  await fixture.stop();
});
