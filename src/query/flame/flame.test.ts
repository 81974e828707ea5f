import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlameFrame } from "../api.ts";
import type { FlameHeader } from "./flame-answer.ts";
import { focusPath, frameKey, MAX_FOCUS_LEVELS, parseFocusPath } from "../frame-key.ts";
import { encodeFlame } from "./flame-encoding.ts";
import { focusOn } from "./focus.ts";
import { FunctionTable } from "./function-table.ts";
import { CallerTree } from "./caller-tree.ts";
import { functionTotals, visitOutermost } from "./function-totals.ts";
import { type StackEntries, stackSources } from "./stack-source.ts";
import { prune, type PrunedTree, REMAINDER, ROOT } from "./prune.ts";

/** What a store would answer: a random tree, and values at some of its nodes. Frames 0 … 9, of which 5 … 9 look as 0 … 4. */
interface Answer {
  readonly nodes: { readonly length: number; readonly parent: Uint32Array; readonly frame: Uint32Array };
  readonly entries: StackEntries;
}

const frames = {
  at: (index: number) => ({
    name: `f${index % 5}`,
    file: "file.c",
    line: index,
    type: "native",
    mapping: "app",
    address: 0n,
  }),
};

const answers: fc.Arbitrary<Answer> = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: 9 })), { maxLength: 60 })
  .chain((nodes) =>
    fc
      .array(fc.tuple(fc.nat({ max: nodes.length }), fc.nat({ max: 2 }), fc.nat({ max: 1000 })), { maxLength: 60 })
      .map((entries) => ({
        nodes: {
          length: nodes.length + 1,
          parent: Uint32Array.from([0, ...nodes.map(([parent], at) => parent % (at + 1))]),
          frame: Uint32Array.from([0, ...nodes.map(([, frame]) => frame)]),
        },
        entries: {
          length: entries.length,
          node: Uint32Array.from(entries, ([node]) => node),
          group: Uint32Array.from(entries, ([, group]) => group),
          value: Float64Array.from(entries, ([, , value]) => value),
        },
      })),
  );

/** Nothing is left out. */
const WHOLE = { maxNodes: 1e6, minShare: 0 };

describe("merging", () => {
  test("gives the values by path that a map of paths gives", () => {
    fc.assert(
      fc.property(answers, answers, fc.boolean(), fc.boolean(), (first, second, isGrouped, isSparse) => {
        const { sources, functions } = graphOf(first, second, isGrouped, isSparse);
        const found = pathsOf(prune(sources, functions, WHOLE, true));
        expect(found.first).toEqual(naive(first, isGrouped));
        expect(found.second).toEqual(naive(second, isGrouped));
      }),
    );
  });

  test("tells siblings apart by function", () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const { sources, functions } = graphOf(first, second, true, false);
        const { children, frame, length } = prune(sources, functions, WHOLE, true);
        for (let node = 0, next = 1; node < length; next += children[node++]!) {
          const siblings = frame.subarray(next, next + children[node]!);
          expect(new Set(siblings).size).toBe(siblings.length);
        }
      }),
    );
  });

  test("a recursion of thousands of levels is merged, pruned and counted", () => {
    const depth = 5000;
    const nodes = {
      length: depth + 1,
      parent: Uint32Array.from({ length: depth + 1 }, (_, at) => Math.max(0, at - 1)),
      frame: new Uint32Array(depth + 1),
    };
    const entries = { length: 1, node: Uint32Array.of(depth), group: new Uint32Array(1), value: Float64Array.of(7) };
    const functions = new FunctionTable("function", frames);
    const sources = stackSources(nodes, entries, functions.numbering(frames));
    expect(prune(sources, functions, WHOLE).depth).toBe(depth);
    expect(functionTotals(sources, "first").total[0]).toBe(7);
    expect(prune(sources, functions, { maxNodes: 10, minShare: 0 })).toMatchObject({ length: 11, depth: 10 });
  });

  test("a million siblings are merged, pruned and counted", () => {
    const count = 1 << 20;
    const nodes = {
      length: count + 1,
      parent: new Uint32Array(count + 1),
      frame: Uint32Array.from({ length: count + 1 }, (_, at) => at % 5),
    };
    const entries = {
      length: count,
      node: Uint32Array.from({ length: count }, (_, at) => at + 1),
      group: new Uint32Array(count),
      value: new Float64Array(count).fill(1),
    };
    const functions = new FunctionTable("line", frames);
    const sources = stackSources(nodes, entries, functions.numbering(frames));
    const { total, children } = prune(sources, functions, { maxNodes: 3, minShare: 0 });
    expect([total[0], children[0]]).toEqual([count, 3]);
  });

  test("values that are no whole numbers are cut off, and children never outweigh their parent", () => {
    fc.assert(
      fc.property(answers, answers, fc.double({ min: 0.01, max: 3, noNaN: true }), (first, second, scale) => {
        const { sources, functions } = graphOf(first, second, false, false, scale);
        // What is cut off of two that are compared may be nearly one more than of the next.
        expectWellFormed(prune(sources, functions, WHOLE, true), 1);
      }),
      { numRuns: 300 },
    );
  });
});

describe("pruning", () => {
  const limits = fc.record({ maxNodes: fc.integer({ min: 1, max: 40 }), minShare: fc.constantFrom(0, 0.01, 0.2) });

  test("keeps the heaviest nodes, and what it left out is in remainders", () => {
    fc.assert(
      fc.property(answers, answers, limits, (first, second, limit) => {
        const { sources, functions } = graphOf(first, second, false, false);
        const pruned = prune(sources, functions, limit, true);
        const whole = prune(sources, functions, WHOLE, true);
        const weights = (of: PrunedTree): number[] =>
          [...of.frame.keys()]
            .filter((at) => of.frame[at] !== REMAINDER)
            .map((at) => of.total[at]! + of.other![at]!)
            .sort((a, b) => b - a);
        const kept = weights(pruned);
        const all = weights(whole);
        expect(pruned.total[0]).toBe(whole.total[0]);
        expect(kept.length).toBeLessThanOrEqual(limit.maxNodes);
        expect(kept).toEqual(all.slice(0, kept.length));
        const next = all[kept.length] ?? 0;
        expect(kept.length === limit.maxNodes || next === 0 || next < all[0]! * limit.minShare).toBe(true);
        expect(pruned.omitted).toBeGreaterThanOrEqual(all.length - kept.length);
        expectWellFormed(pruned);
      }),
    );
  });

  test("without limits loses nothing", () => {
    fc.assert(
      fc.property(answers, answers, fc.boolean(), (first, second, isGrouped) => {
        const { sources, functions } = graphOf(first, second, isGrouped, false);
        const pruned = prune(sources, functions, WHOLE, true);
        expect([...pruned.frame]).not.toContain(REMAINDER);
        expect(pruned.omitted).toBe(0);
        expectWellFormed(pruned);
      }),
    );
  });
});

describe("focus", () => {
  test("is the part of the graph at one node, and nothing else", () => {
    fc.assert(
      fc.property(answers, answers, fc.boolean(), fc.nat(), (first, second, isGrouped, pick) => {
        const { sources, functions } = graphOf(first, second, isGrouped, false);
        const whole = pathsOf(prune(sources, functions, WHOLE, true));
        const paths = [...whole.first.keys(), ...whole.second.keys()].filter((path) => path !== "");
        const path = paths[pick % Math.max(1, paths.length)]?.split(";");
        if (path === undefined) return;
        const named = (name: string) => wordsOf(functions).find((frame) => frame.name === name);
        const keys = parseFocusPath(focusPath(path.map((name) => named(name)!)))!;
        const found = pathsOf(prune(focusOn(sources, functions, keys), functions, WHOLE, true));
        for (const side of ["first", "second"] as const) {
          const below = [...whole[side]].filter(([at]) => `${at};`.startsWith(`${path.join(";")};`));
          const above = path.slice(0, -1).join(";").length;
          const shown = below.map(([at, value]) => [above === 0 ? at : at.slice(above + 1), value] as const);
          expect(found[side]).toEqual(new Map(shown));
        }
      }),
    );
  });

  test("has nothing where there is no such node", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const { sources, functions } = graphOf(answer, answer, false, false);
        const { total } = prune(focusOn(sources, functions, ["00000000"]), functions, WHOLE, true);
        expect([...total]).toEqual([0]);
      }),
    );
  });

  test("keys of frames are FNV-1a as published", () => {
    // Computed by a few lines of Python.
    expect(frameKey({ name: "main", file: "m.c", line: 7, type: "native", mapping: "app" })).toBe("b63fa4b5");
    expect(frameKey({ name: "é", file: "", line: 0, type: "", mapping: "" })).toBe("647aa9a9");
  });

  test("is no other text than keys", () => {
    for (const text of ["", ".", "0000000", "000000000", "0000000G", "00000000.", "00000000,00000000"]) {
      expect(parseFocusPath(text)).toBeUndefined();
    }
    expect(parseFocusPath(Array.from({ length: MAX_FOCUS_LEVELS + 1 }, () => "00000000").join("."))).toBeUndefined();
  });
});

describe("totals by function", () => {
  test("count recursion once, as a walk over all paths does", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const functions = new FunctionTable("function", frames);
        const sources = stackSources(answer.nodes, answer.entries, functions.numbering(frames));
        const { total, self } = functionTotals(sources, "first");
        const expected = new Map<string, { total: number; self: number }>();
        for (const [path, value] of naive(answer, false)) {
          const names = path === "" ? [] : path.split(";");
          for (const name of new Set(names)) {
            const row = expected.get(name) ?? { total: 0, self: 0 };
            expected.set(name, { total: row.total + value, self: row.self + (names.at(-1) === name ? value : 0) });
          }
        }
        for (const [at, { name }] of wordsOf(functions).entries()) {
          expect({ total: total[at], self: self[at] }).toEqual(expected.get(name) ?? { total: 0, self: 0 });
          for (const source of sources) {
            const found: number[] = [];
            visitOutermost(
              source,
              (called) => called === at,
              (node) => found.push(node),
            );
            expect(found.reduce((sum, node) => sum + source.tree.totalOf(node), 0)).toBe(total[at]);
            const below = { ...source, tree: source.tree.below(found) };
            expect(below.tree.totalOf(0)).toBe(total[at]);
            expect(prune([below], functions, WHOLE).total[0]).toBe(total[at]);
          }
        }
      }),
    );
  });

  test("callers of a function are paths the other way round, each once", () => {
    const tree = new CallerTree();
    const paths = fc.array(fc.tuple(fc.array(fc.nat({ max: 4 }), { maxLength: 6 }), fc.integer({ min: 1, max: 9 })));
    fc.assert(
      fc.property(paths, (added) => {
        const callers = new CallerTree();
        const expected = new Map<string, number>();
        for (const [path, value] of added) {
          callers.add(
            path.reduce((node, called) => callers.child(node, called), 0),
            value,
          );
          const key = path.map((called) => `f${called}`).join(";");
          expected.set(key, (expected.get(key) ?? 0) + value);
        }
        const functions = new FunctionTable("line", frames);
        for (let at = 0; at < 5; at++) expect(functions.numbering(frames)(at)).toBe(at);
        expect(pathsOf(prune([callers.source()], functions, WHOLE, true)).first).toEqual(expected);
      }),
    );
    for (let at = 0; at < 20_000; at++) tree.add(tree.child(at % 3 === 0 ? 0 : at, at), 1);
    expect(tree.source().tree.used).toBe(20_000);
  });
});

describe("the binary form", () => {
  const header: FlameHeader = {
    type: "cpu",
    unit: "nanoseconds",
    cores: true,
    coverage: {
      from: 0,
      to: 1,
      visibleUpTo: 1,
      total: 1,
      unattributed: 0,
      unnamed: 0,
      truncated: 0,
      lost: 0,
      gaps: [],
      plan: "é",
    },
  };

  test("holds what the tree holds", () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const { sources, functions } = graphOf(first, second, true, false);
        const pruned = prune(sources, functions, { maxNodes: 30, minShare: 0 }, true);
        const decoded = decode(encodeFlame(header, pruned));
        expect(decoded.header).toMatchObject({ ...header, omitted: pruned.omitted, depth: pruned.depth });
        expect(decoded.children).toEqual([...pruned.children]);
        expect(decoded.frame).toEqual([...pruned.frame]);
        expect(decoded.total).toEqual([...pruned.total]);
        expect(decoded.other).toEqual([...pruned.other!]);
        expect(decoded.frames).toEqual(pruned.frames);
      }),
    );
  });

  test("holds values that 32 bits don't", () => {
    const callers = new CallerTree();
    callers.add(callers.child(0, 0), 2 ** 52 + 1);
    const frame = { name: "ƒ", file: "", line: 1e6, type: "go", mapping: "" };
    const functions = new FunctionTable("line", frames);
    functions.intern(frame);
    const decoded = decode(encodeFlame(header, prune([callers.source()], functions, WHOLE)));
    expect(decoded.total).toEqual([2 ** 52 + 1, 2 ** 52 + 1]);
    expect(decoded.frames).toEqual([frame]);
  });
});

/** @param isSparse the store has many more nodes than are asked for */
function graphOf(first: Answer, second: Answer, isGrouped: boolean, isSparse: boolean, scale = 1) {
  const functions = new FunctionTable("function", frames);
  const group = (number: number): FlameFrame => ({ name: `g${number}`, file: "", line: 0, type: "group", mapping: "" });
  const sources = [first, second].flatMap(({ nodes, entries }, at) =>
    stackSources(isSparse ? padded(nodes) : nodes, entries, functions.numbering(frames), {
      side: at === 0 ? "first" : "second",
      scale,
      ...(isGrouped ? { underOf: (number: number) => functions.intern(group(number)) } : {}),
    }),
  );
  return { sources, functions };
}

function wordsOf(functions: FunctionTable): readonly FlameFrame[] {
  return Array.from({ length: functions.length }, (_, at) => functions.at(at));
}

/** The same nodes and many that no value goes with. */
function padded({ parent, frame }: Answer["nodes"]): Answer["nodes"] {
  const length = parent.length + 10_000;
  const nodes = { length, parent: new Uint32Array(length), frame: new Uint32Array(length) };
  nodes.parent.set(parent);
  nodes.frame.set(frame);
  return nodes;
}

/** Values of nodes themselves by path of names. */
function pathsOf({ length, children, frame, total, other, frames: used }: PrunedTree) {
  const paths = [""];
  const found = { first: new Map<string, number>(), second: new Map<string, number>() };
  for (let node = 0, next = 1; node < length; node++) {
    let [self, otherSelf] = [total[node]!, other?.[node] ?? 0];
    for (const end = next + children[node]!; next < end; next++) {
      const name = used[frame[next]!]!.name;
      paths[next] = paths[node] === "" ? name : `${paths[node]};${name}`;
      self -= total[next]!;
      otherSelf -= other?.[next] ?? 0;
    }
    if (self > 0) found.first.set(paths[node]!, self);
    if (otherSelf > 0) found.second.set(paths[node]!, otherSelf);
  }
  return found;
}

/** Values by path of names. */
function naive({ nodes, entries }: Answer, isGrouped: boolean): Map<string, number> {
  const found = new Map<string, number>();
  for (let at = 0; at < entries.length; at++) {
    const path: string[] = [];
    for (let node = entries.node[at]!; node !== 0; node = nodes.parent[node]!) path.push(`f${nodes.frame[node]! % 5}`);
    if (isGrouped) path.push(`g${entries.group[at]}`);
    const key = path.reverse().join(";");
    if (entries.value[at]! > 0) found.set(key, (found.get(key) ?? 0) + entries.value[at]!);
  }
  return found;
}

/** Breadth first, contiguous, heaviest first with the remainder last, and no child heavier than its parent. */
/** @param slack by how much siblings may be out of order */
function expectWellFormed({ length, children, frame, total, other, frames: used }: PrunedTree, slack = 0): void {
  let next = 1;
  for (let node = 0; node < length; node++) {
    const end = next + children[node]!;
    let [left, otherLeft] = [total[node]!, other![node]!];
    for (let child = next; child < end; child++) {
      left -= total[child]!;
      otherLeft -= other![child]!;
      if (frame[child] === REMAINDER) expect(child).toBe(end - 1);
      else if (child > next) {
        expect(total[child]! + other![child]!).toBeLessThanOrEqual(total[child - 1]! + other![child - 1]! + slack);
      }
    }
    expect(left).toBeGreaterThanOrEqual(0);
    expect(otherLeft).toBeGreaterThanOrEqual(0);
    next = end;
  }
  expect(next).toBe(length);
  expect(frame[0]).toBe(ROOT);
  expect(new Set([...frame].filter((index) => index >= 0)).size).toBe(used.length);
}

/** Written from the description of the format, not from its writer. */
function decode(bytes: Uint8Array) {
  expect(Buffer.from(bytes.subarray(0, 4)).toString()).toBe("PFG1");
  const size = Buffer.from(bytes).readUInt32LE(4);
  expect(size % 4).toBe(0);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + size)).toString()) as {
    readonly columns: readonly { readonly name: string; readonly bytes: number }[];
    readonly nodes: number;
    readonly frames: number;
    readonly strings: number;
  };
  let start = 8 + size;
  const columns = new Map<string, Uint8Array>();
  for (const { name, bytes: length } of header.columns) {
    columns.set(name, bytes.subarray(start, start + length));
    start += length;
  }
  expect(start).toBe(bytes.length);
  const numbers = (name: string): number[] => {
    const found: number[] = [];
    let [value, scale] = [0, 1];
    for (const byte of columns.get(name)!) {
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        found.push(value);
        [value, scale] = [0, 1];
      }
    }
    return found;
  };
  let at = 0;
  const text = columns.get("stringBytes")!;
  const strings = numbers("stringLengths").map((length) => Buffer.from(text.subarray(at, (at += length))).toString());
  const [names, files, types, mappings] = ["frameName", "frameFile", "frameType", "frameMapping"].map(numbers);
  const lines = numbers("frameLine");
  expect(strings).toHaveLength(header.strings);
  expect(numbers("children")).toHaveLength(header.nodes);
  expect(lines).toHaveLength(header.frames);
  return {
    header,
    children: numbers("children"),
    frame: numbers("frame").map((value) => value - 2),
    total: numbers("total"),
    other: columns.has("other") ? numbers("other") : undefined,
    frames: lines.map((line, frame) => ({
      name: strings[names![frame]!],
      file: strings[files![frame]!],
      line,
      type: strings[types![frame]!],
      mapping: strings[mappings![frame]!],
    })),
  };
}
