import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFlame } from "../../../src/query/flame/flame-encoding.ts";
import { buildTree, FrameTable, REMAINDER_FRAME } from "../flame/index.ts";
import { COUNTS, NAMES, plainStacks, tableOf } from "../flame/testing/random-stacks.ts";
import { decodeFlame, FlameFormatError } from "./flame-decoding.ts";

const FRAMES = NAMES.map((name, at) => ({ name, file: `f${at}.go`, line: at * 100, type: "go", mapping: "app" }));
const COVERAGE = {
  from: 1000,
  to: 61_000,
  visibleUpTo: 61_000,
  total: 1,
  unattributed: 0,
  unnamed: 0,
  truncated: 0,
  lost: 0,
};

function encoded(tree: ReturnType<typeof buildTree>): Uint8Array {
  const header = {
    type: "cpu",
    unit: "nanoseconds",
    cores: true,
    coverage: { ...COVERAGE, gaps: [{ from: 2000, to: 12_000 }], plan: "head" },
  };
  return encodeFlame(header, {
    length: tree.length,
    children: Uint32Array.from({ length: tree.length }, (_, node) => tree.childCount(node)),
    frame: tree.frame,
    total: tree.total,
    other: tree.other,
    frames: FRAMES,
    omitted: tree.measure.omitted,
    depth: tree.depth - 1,
  });
}

function decoded(bytes: Uint8Array): Exclude<ReturnType<typeof decodeFlame>, FlameFormatError> {
  const result = decodeFlame(bytes);
  if (result instanceof FlameFormatError) throw result;
  return result;
}

describe("a flame graph in the binary form", () => {
  test("is what the server encoded", () => {
    fc.assert(
      fc.property(plainStacks, fc.boolean(), fc.constantFrom(0, 0.05), (stacks, diff, minShare) => {
        const tree = buildTree(tableOf(stacks, diff), FrameTable.of(FRAMES), COUNTS, { minShare });
        const { tree: found } = decoded(encoded(tree));
        expect(found.frame).toEqual(tree.frame);
        expect(found.firstChild).toEqual(tree.firstChild);
        expect(found.total).toEqual(tree.total);
        expect(found.other).toEqual(tree.other);
        expect(found.levels).toEqual(tree.levels);
        expect(found.measure.omitted).toBe(tree.measure.omitted);
        for (let node = 0; node < tree.length; node++) {
          if (tree.frame[node] !== REMAINDER_FRAME) expect(found.name(node)).toBe(tree.name(node));
        }
        expect(found.frames.text(3)).toEqual(FRAMES[3]);
      }),
    );
  });

  test("tells the time that it covers, gaps left out, so that cores can be shown", () => {
    const { tree, coverage } = decoded(encoded(buildTree(tableOf([]), FrameTable.of(FRAMES), COUNTS)));
    expect(tree.measure).toMatchObject({ type: "cpu", unit: "nanoseconds", coveredMs: 50_000 });
    expect(coverage).toMatchObject(COVERAGE);
  });

  test("that is broken anywhere gives an error or a sound tree, and never throws", () => {
    const stacks = [
      { frames: [0, 1, 2], value: 300, other: 0 },
      { frames: [0, 3], value: 70_000, other: 0 },
    ];
    const whole = encoded(buildTree(tableOf(stacks), FrameTable.of(FRAMES), COUNTS));
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(whole.length), (changes, length) => {
        const broken = whole.slice(0, length % 3 === 0 ? length : whole.length);
        for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte;
        const result = decodeFlame(broken);
        if (result instanceof FlameFormatError) return;
        const { tree } = result;
        for (let node = 1; node < tree.length; node++) {
          expect(tree.parent(node)).toBeLessThan(node);
          expect(tree.depthOf(node)).toBe(tree.depthOf(tree.parent(node)) + 1);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("that is something else says so", () => {
    const message = (text: string): string => {
      const result = decodeFlame(new TextEncoder().encode(text));
      return result instanceof FlameFormatError ? result.message : "";
    };
    expect(message("<!doctype html>")).toBe("the answer is no flame graph: it doesn't begin with PFG1");
    expect(message("PFG1\u007f\u0000\u0000\u0000{")).toBe("the flame graph ends inside its header");
    expect(message("PFG1\u0001\u0000\u0000\u0000{")).toBe("the header of the flame graph is no JSON");
  });
});
