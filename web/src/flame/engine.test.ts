import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { engineOf } from "./engine.ts";
import { functionsOf, topFunctions } from "./function-table.ts";
import { findMatches, findMatchesInStacks, type Matches, type SearchQuery } from "./matches.ts";
import { COUNTS, NAMES, namedFrames, type PlainStack, plainStacks, tableOf } from "./testing/random-stacks.ts";
import { type Transform, transformStacks } from "./transform.ts";

const frames = namedFrames();
const named = (stack: PlainStack): string[] => stack.frames.map((frame) => NAMES[frame]!);

function found(result: ReturnType<typeof findMatches>): Matches {
  if ("problem" in result) throw new Error(result.problem);
  return result;
}

/** Stacks after a step, as tests write them: value by path of names. */
function transformed(stacks: readonly PlainStack[], step: Transform): Map<string, number> {
  const table = transformStacks(tableOf(stacks), frames, step);
  const values = new Map<string, number>();
  for (let at = 0; at < table.length; at++) {
    const ids = table.frames.subarray(table.offsets[at], table.offsets[at + 1]);
    const path = Array.from(ids, (frame) => frames.name(frame)).join(";");
    values.set(path, (values.get(path) ?? 0) + table.values[at]!);
  }
  return values;
}

/** The same by lists of names; undefined: the stack goes. */
function expected(
  stacks: readonly PlainStack[],
  edit: (names: readonly string[]) => readonly string[] | undefined,
): Map<string, number> {
  const values = new Map<string, number>();
  for (const stack of stacks) {
    const names = edit(named(stack));
    if (names) values.set(names.join(";"), (values.get(names.join(";")) ?? 0) + stack.value);
  }
  return values;
}

describe("a search", () => {
  test("finds what a look at every stack finds, a match inside a match counted once", () => {
    const queries = fc.record({
      text: fc.constantFrom("alloc", "ALLOC", "a", "::", "zzz", "w?lk", "^main$"),
      regex: fc.boolean(),
    });
    fc.assert(
      fc.property(plainStacks, queries, (stacks, query) => {
        const tree = buildTree(tableOf(stacks, true), frames, COUNTS);
        const regex = query.regex ? new RegExp(query.text, "i") : undefined;
        const matches = (name: string): boolean =>
          regex ? regex.test(name) : name.toLowerCase().includes(query.text.toLowerCase());
        const hit = stacks.filter((stack) => named(stack).some(matches));
        const result = found(findMatches(tree, query));
        expect(result.total).toBe(hit.reduce((sum, { value }) => sum + value, 0));
        expect(result.other).toBe(hit.reduce((sum, { other }) => sum + other, 0));
        const nodes = Array.from({ length: tree.length }, (_, node) => node).filter(
          (node) => node > 0 && matches(tree.name(node)),
        );
        expect(Array.from(result.nodes)).toEqual(nodes);
        // Stacks and a column of frames are enough for the same answer.
        expect(findMatchesInStacks(tableOf(stacks, true), tree.frame, frames, query)).toEqual(result);
      }),
    );
  });

  test("of names beyond ASCII folds their letters, and of nothing finds nothing", () => {
    const tree = buildTree(tableOf([{ frames: [0], value: 1, other: 0 }]), namedFrames(["Größe::messen"]), COUNTS);
    const share = (query: SearchQuery): number => found(findMatches(tree, query)).share;
    expect(share({ text: "GRÖSSE", regex: false })).toBe(0);
    expect(share({ text: "GRÖ", regex: false })).toBe(1);
    expect(share({ text: "GRÖ", regex: false, caseSensitive: true })).toBe(0);
    expect(share({ text: "::Messen", regex: false, caseSensitive: true })).toBe(0);
    expect(share({ text: "", regex: false })).toBe(0);
  });

  test("by a broken expression tells what is wrong with it", () => {
    const tree = buildTree(tableOf([]), frames, COUNTS);
    expect(findMatches(tree, { text: "a(", regex: true })).toHaveProperty("problem");
    expect(findMatches(tree, { text: "a".repeat(2000), regex: true })).toHaveProperty("problem");
  });
});

describe("a transformation", () => {
  const cases: [string, Transform, (names: readonly string[]) => readonly string[] | undefined][] = [
    ["invert", { kind: "invert" }, (names) => names.toReversed()],
    ["hide", { kind: "hide", name: "alloc" }, (names) => names.filter((name) => name !== "alloc")],
    ["drop", { kind: "drop", name: "alloc" }, (names) => (names.includes("alloc") ? undefined : names)],
    [
      "focus",
      { kind: "focus", name: "parse" },
      (names) => (names.includes("parse") ? names.slice(names.indexOf("parse")) : undefined),
    ],
    [
      "callers",
      { kind: "callers", name: "parse" },
      (names) => (names.includes("parse") ? names.slice(0, names.indexOf("parse") + 1).toReversed() : undefined),
    ],
    [
      "collapse-recursion",
      { kind: "collapse-recursion" },
      (names) => {
        const kept: string[] = [];
        for (let at = 0; at < names.length; at = names.lastIndexOf(names[at]!) + 1) kept.push(names[at]!);
        return kept;
      },
    ],
  ];

  test.each(cases)("does to stacks what it does to lists of names: %s", (_, step, edit) => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        expect(transformed(stacks, step)).toEqual(expected(stacks, edit));
      }),
    );
  });

  test("of an engine's tree gives an engine that answers about the new tree", async () => {
    const stacks = [
      { frames: [0, 2, 1], value: 3, other: 0 },
      { frames: [0, 1], value: 4, other: 0 },
    ];
    const engine = engineOf(buildTree(tableOf(stacks), frames, COUNTS));
    const inverted = await engine.transform([{ kind: "invert" }]);
    expect(inverted!.tree.path(1)).toEqual(["alloc"]);
    expect(inverted!.tree.total[1]).toBe(7);
    const again = await inverted!.transform([{ kind: "invert" }]);
    expect(again!.tree.total).toEqual(engine.tree.total);
    const focused = await engine.transform([
      { kind: "focus", name: "parse" },
      { kind: "hide", name: "alloc" },
    ]);
    expect(focused!.tree.path(1)).toEqual(["parse"]);
    expect(focused!.tree.self(1)).toBe(3);
    expect(await focused!.search({ text: "main", regex: false })).toMatchObject({ total: 0, nodeCount: 0 });
  });
});

describe("the table of functions", () => {
  test("has own values and totals with recursion counted once", () => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        const table = functionsOf(tableOf(stacks, true), frames);
        for (const [frame] of NAMES.entries()) {
          const within = stacks.filter((stack) => stack.frames.includes(frame));
          const innermost = stacks.filter((stack) => stack.frames.at(-1) === frame);
          expect(table.total[frame]).toBe(within.reduce((sum, { value }) => sum + value, 0));
          expect(table.otherTotal![frame]).toBe(within.reduce((sum, { other }) => sum + other, 0));
          expect(table.self[frame]).toBe(innermost.reduce((sum, { value }) => sum + value, 0));
          expect(table.otherSelf![frame]).toBe(innermost.reduce((sum, { other }) => sum + other, 0));
        }
      }),
    );
  });

  test("gives the leading functions of a column", () => {
    const stacks = [
      { frames: [0, 1], value: 10, other: 90 },
      { frames: [0, 2], value: 30, other: 20 },
    ];
    const table = functionsOf(tableOf(stacks, true), frames);
    expect(Array.from(topFunctions(table, "self", 2))).toEqual([2, 1]);
    expect(Array.from(topFunctions(table, "total", 1))).toEqual([0]);
    expect(Array.from(topFunctions(table, "change", 2))).toEqual([1, 0]);
  });
});
