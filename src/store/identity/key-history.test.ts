import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyHistory } from "./key-history.ts";

const CONTAINER = { kind: "container.id", value: "c" } as const;
const ADDRESS = { kind: "k8s.pod.ip", value: "10.0.0.1" } as const;

function carry(history: KeyHistory, attributes: ReadonlyMap<string, string>, time: number): boolean {
  const news = history.newsIn(attributes, time);
  if (news !== undefined) history.carry(news, time);
  return news !== undefined;
}

describe("stretches of a history", () => {
  test("cover all of time, in order, whatever is known", () => {
    const told = fc.record({
      kind: fc.constantFrom(CONTAINER, ADDRESS),
      from: fc.integer({ min: 0, max: 20 }),
      length: fc.option(fc.integer({ min: 1, max: 20 }), { nil: Infinity }),
      uid: fc.constantFrom("u1", "u2"),
    });
    fc.assert(
      fc.property(fc.array(told, { maxLength: 10 }), (entries) => {
        for (const key of [CONTAINER, ADDRESS]) {
          const history = new KeyHistory(key);
          for (const { kind, from, length, uid } of entries) {
            if (kind === key) history.tell({ from, to: from + length, attributes: new Map([["k8s.pod.uid", uid]]) });
          }
          const known = history.known();
          expect(known[0]!.from).toBe(-Infinity);
          expect(known.at(-1)!.to).toBe(Infinity);
          for (const [index, { to }] of known.slice(0, -1).entries()) expect(known[index + 1]!.from).toBe(to);
        }
      }),
    );
  });
});

describe("what requests carry", () => {
  test("equals a plain model: each attribute as it was said last until then, or else first after it", () => {
    const said = fc.record({
      time: fc.integer({ min: 0, max: 15 }),
      name: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
      node: fc.option(fc.constantFrom("n1", "n2"), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(said, { maxLength: 10, selector: ({ time }) => time }), (all) => {
        // In the order of time each says what holds from then on; what says nothing new needn't be kept.
        const sorted = all.toSorted((a, b) => a.time - b.time);
        const history = new KeyHistory(CONTAINER);
        for (const { time, name, node } of sorted) {
          const pairs = [
            ...(name === undefined ? [] : [["name", name]]),
            ...(node === undefined ? [] : [["node", node]]),
          ];
          carry(history, new Map(pairs as [string, string][]), time);
        }
        for (let time = 0; time <= 16; time++) {
          const valueOf = (attribute: "name" | "node"): string | undefined =>
            (sorted.findLast((each) => each.time <= time && each[attribute] !== undefined) ??
              sorted.find((each) => each[attribute] !== undefined))?.[attribute];
          const known = history.at(time);
          expect([known.get("name"), known.get("node")]).toEqual([valueOf("name"), valueOf("node")]);
        }
      }),
    );
  });

  test("is no news when it was said before, or was filled in from later", () => {
    const history = new KeyHistory(CONTAINER);
    const attributes = new Map([["name", "a"]]);
    expect([10, 20, 5].map((time) => carry(history, attributes, time))).toEqual([true, false, false]);
    expect(history.carried).toHaveLength(1);
  });

  test("is news when it comes late and says something else, and holds until what was said later", () => {
    const history = new KeyHistory(CONTAINER);
    carry(history, new Map([["name", "new"]]), 20);
    carry(history, new Map([["name", "old"]]), 10);
    expect([5, 10, 19, 20, 30].map((time) => history.at(time).get("name"))).toEqual([
      "old",
      "old",
      "old",
      "new",
      "new",
    ]);
  });
});

describe("an address", () => {
  test("is its pod's through all that changes of the pod", () => {
    const history = new KeyHistory(ADDRESS);
    const pod = (name: string) =>
      new Map([
        ["k8s.pod.uid", "u1"],
        ["k8s.pod.name", name],
      ] as const);
    history.tell({ from: 0, to: Infinity, attributes: pod("before") });
    history.tell({ from: 10, to: 20, attributes: pod("after") });
    expect([5, 15].map((time) => history.at(time).get("k8s.pod.name"))).toEqual(["before", "after"]);
  });

  test("is nobody's while two pods have it, told apart by their names where there is no uid", () => {
    const history = new KeyHistory(ADDRESS);
    history.tell({ from: 0, to: 20, attributes: new Map([["k8s.pod.name", "a"]]) });
    history.tell({ from: 10, to: 30, attributes: new Map([["k8s.pod.name", "b"]]) });
    expect([5, 15, 25, 35].map((time) => history.at(time).get("k8s.pod.name"))).toEqual([
      "a",
      undefined,
      "b",
      undefined,
    ]);
  });

  test("is free again when its entry is told anew with an end", () => {
    const history = new KeyHistory(ADDRESS);
    const attributes = new Map([["k8s.pod.uid", "u1"]]);
    history.tell({ from: 0, to: Infinity, attributes });
    expect(history.tell({ from: 0, to: 10, attributes })).toBe(true);
    expect(history.tell({ from: 0, to: 10, attributes: new Map(attributes) })).toBe(false);
    expect([5, 10].map((time) => history.at(time).size)).toEqual([1, 0]);
  });
});
