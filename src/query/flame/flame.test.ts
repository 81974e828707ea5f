import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlameFrame } from "../api.ts";
import type { FlameHeader } from "./flame-answer.ts";
import { encodeFlame } from "./flame-encoding.ts";
import { FunctionTable } from "./function-table.ts";
import { functionTotals, outermostNodes } from "./function-totals.ts";
import { MergedTree, type StackEntries } from "./merged-tree.ts";
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

describe("merging", () => {
  test("gives the values by path that a map of paths gives", () => {
    fc.assert(
      fc.property(answers, answers, fc.boolean(), (first, second, isGrouped) => {
        const { tree, functions } = merged(first, second, isGrouped);
        for (const [side, answer] of [
          ["first", first],
          ["second", second],
        ] as const) {
          const own = side === "first" ? tree.self : tree.otherSelf!;
          const found = new Map<string, number>();
          for (let node = 0; node < tree.length; node++) {
            if (own[node]! > 0) found.set(pathOf(tree, node, functions), own[node]!);
          }
          expect(found).toEqual(naive(answer, isGrouped));
        }
      }),
    );
  });

  test("numbers callers ahead of what they call, and tells siblings apart", () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const { tree } = merged(first, second, true);
        const seen = new Set<string>();
        for (let node = 1; node < tree.length; node++) {
          expect(tree.parent[node]).toBeLessThan(node);
          seen.add(`${tree.parent[node]} ${tree.frame[node]}`);
        }
        expect(seen.size).toBe(tree.length - 1);
      }),
    );
  });

  test("goes on past any capacity", () => {
    const tree = new MergedTree();
    const count = 20_000;
    for (let round = 0; round < 2; round++) {
      let node = 0;
      for (let at = 0; at < count; at++) node = tree.child(at % 3 === 0 ? 0 : node, at);
    }
    expect(tree.length).toBe(count + 1);
  });

  test("a recursion of thousands of levels is merged, drawn and counted", () => {
    const depth = 5000;
    const nodes = {
      length: depth + 1,
      parent: Uint32Array.from({ length: depth + 1 }, (_, at) => Math.max(0, at - 1)),
      frame: new Uint32Array(depth + 1),
    };
    const entries = {
      length: 1,
      node: Uint32Array.of(depth),
      group: new Uint32Array(1),
      value: Float64Array.of(7),
    };
    const functions = new FunctionTable("function");
    const tree = new MergedTree();
    tree.add(nodes, entries, functions.numbering(frames), () => 0);
    expect(prune(tree, functions.list, { maxNodes: 1e6, minShare: 0 }).depth).toBe(depth);
    expect([...functionTotals(tree, 1).total]).toEqual([7]);
  });

  test("rounding keeps the sum to the half, whatever the parts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (values) => {
          const tree = new MergedTree();
          for (const [at, value] of values.entries()) tree.addSelf(tree.child(0, at), value);
          tree.round();
          const total = tree.totals()[0]!;
          expect(Number.isInteger(total)).toBe(true);
          expect(Math.abs(total - values.reduce((sum, value) => sum + value, 0))).toBeLessThan(0.5 + 1e-3);
        },
      ),
    );
  });
});

describe("pruning", () => {
  const limits = fc.record({ maxNodes: fc.integer({ min: 1, max: 40 }), minShare: fc.constantFrom(0, 0.01, 0.2) });

  test("keeps the heaviest nodes, and what it left out is in remainders", () => {
    fc.assert(
      fc.property(answers, answers, limits, (first, second, limit) => {
        const { tree, functions } = merged(first, second, false);
        const pruned = prune(tree, functions, limit);
        const whole = prune(tree, functions, { maxNodes: 1e6, minShare: 0 });
        expect(pruned.total[0]).toBe(tree.totals()[0]);
        const weights = (of: PrunedTree): number[] =>
          [...of.frame.keys()].filter((at) => of.frame[at] !== REMAINDER).map((at) => of.total[at]! + of.other![at]!);
        const kept = weights(pruned);
        const all = weights(whole).sort((a, b) => b - a);
        expect(kept.length).toBeLessThanOrEqual(limit.maxNodes);
        expect(kept.sort((a, b) => b - a)).toEqual(all.slice(0, kept.length));
        expect(pruned.omitted).toBe(all.length - kept.length);
        expectWellFormed(pruned);
      }),
    );
  });

  test("without limits loses nothing but nodes of no value", () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const { tree, functions } = merged(first, second, false);
        const pruned = prune(tree, functions, { maxNodes: 1e6, minShare: 0 });
        expect([...pruned.frame]).not.toContain(REMAINDER);
        expect(pruned.omitted).toBe(0);
        expectWellFormed(pruned);
      }),
    );
  });
});

describe("totals by function", () => {
  test("count recursion once, as a walk over all paths does", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const functions = new FunctionTable("function");
        const tree = new MergedTree();
        tree.add(answer.nodes, answer.entries, functions.numbering(frames), () => 0);
        const { total, self } = functionTotals(tree, functions.list.length);
        const expected = new Map<string, { total: number; self: number }>();
        for (const [path, value] of naive(answer, false)) {
          const names = path === "" ? [] : path.split(";");
          for (const name of new Set(names)) {
            const row = expected.get(name) ?? { total: 0, self: 0 };
            expected.set(name, { total: row.total + value, self: row.self + (names.at(-1) === name ? value : 0) });
          }
        }
        for (const [at, { name }] of functions.list.entries()) {
          expect({ total: total[at], self: self[at] }).toEqual(expected.get(name) ?? { total: 0, self: 0 });
          const outermost = outermostNodes(tree, (frame) => frame === at);
          const sums = tree.totals();
          expect(outermost.reduce((sum, node) => sum + sums[node]!, 0)).toBe(total[at]);
        }
      }),
    );
  });
});

describe("the binary form", () => {
  const header: FlameHeader = {
    type: "cpu",
    unit: "nanoseconds",
    cores: true,
    coverage: { from: 0, to: 1, visibleUpTo: 1, total: 1, unattributed: 0, unnamed: 0, lost: 0, gaps: [], plan: "é" },
  };

  test("holds what the tree holds", () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const { tree, functions } = merged(first, second, true);
        const pruned = prune(tree, functions, { maxNodes: 30, minShare: 0 });
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
    const tree = new MergedTree();
    tree.addSelf(tree.child(0, 0), 2 ** 52 + 1);
    const frame = { name: "ƒ", file: "", line: 1e6, type: "go", mapping: "" };
    const decoded = decode(encodeFlame(header, prune(tree, [frame], { maxNodes: 9, minShare: 0 })));
    expect(decoded.total).toEqual([2 ** 52 + 1, 2 ** 52 + 1]);
    expect(decoded.frames).toEqual([frame]);
  });
});

function merged(first: Answer, second: Answer, isGrouped: boolean) {
  const functions = new FunctionTable("function");
  const tree = new MergedTree(true);
  const group = (number: number): FlameFrame => ({ name: `g${number}`, file: "", line: 0, type: "group", mapping: "" });
  const rootOf = (number: number): number => (isGrouped ? tree.child(0, functions.intern(group(number))) : 0);
  tree.add(first.nodes, first.entries, functions.numbering(frames), rootOf);
  tree.add(second.nodes, second.entries, functions.numbering(frames), rootOf, "second");
  tree.round();
  return { tree, functions: functions.list };
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

function pathOf(tree: MergedTree, node: number, functions: readonly FlameFrame[]): string {
  const path: string[] = [];
  for (let at = node; at !== 0; at = tree.parent[at]!) path.push(functions[tree.frame[at]!]!.name);
  return path.reverse().join(";");
}

/** Breadth first, contiguous, heaviest first with the remainder last, and no child heavier than its parent. */
function expectWellFormed({ length, children, frame, total, other, frames: used }: PrunedTree): void {
  let next = 1;
  for (let node = 0; node < length; node++) {
    const end = next + children[node]!;
    let [left, otherLeft] = [total[node]!, other![node]!];
    for (let child = next; child < end; child++) {
      left -= total[child]!;
      otherLeft -= other![child]!;
      if (frame[child] === REMAINDER) expect(child).toBe(end - 1);
      else if (child > next) {
        expect(total[child]! + other![child]!).toBeLessThanOrEqual(total[child - 1]! + other![child - 1]!);
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
