import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { type FlameTree, REMAINDER_FRAME } from "./flame-tree.ts";
import { graft, isCulledBelow } from "./graft.ts";
import { COUNTS, namedFrames, NAMES, type PlainStack, plainStacks, tableOf } from "./testing/random-stacks.ts";

/** The tree of the stacks through a path, without what is above its last frame: what a server answers about a node. */
function partOf(stacks: readonly PlainStack[], path: readonly number[], names = namedFrames()): FlameTree {
  const through = stacks
    .filter(({ frames }) => path.every((frame, at) => frames[at] === frame))
    .map((stack) => ({ ...stack, frames: stack.frames.slice(path.length - 1) }));
  return buildTree(tableOf(through, true), names, COUNTS);
}

const valuesByPath = (tree: FlameTree): Map<string, readonly number[]> =>
  new Map(Array.from(tree.total, (total, node) => [tree.path(node).join("/"), [total, tree.other![node]!]]));

describe("putting a part in full into a culled graph", () => {
  test("gives what the whole graph has below the node, and leaves the rest as it was", () => {
    fc.assert(
      fc.property(
        plainStacks,
        fc.double({ min: 0.01, max: 0.3, noNaN: true }),
        fc.nat(),
        (stacks, minShare, choice) => {
          const whole = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
          const culled = buildTree(tableOf(stacks, true), namedFrames(), COUNTS, { minShare });
          const inner = Array.from(culled.frame.keys()).filter((node) => culled.frame[node]! >= 0);
          if (inner.length === 0) return;
          const node = inner[choice % inner.length]!;
          const path = culled.ancestry(node).slice(1);
          const part = partOf(
            stacks,
            path.map((at) => culled.frame[at]!),
          );
          const grown = graft(culled, node, part)!;
          const at = grown.find(culled.path(node));
          expect(isCulledBelow(grown, at)).toBe(false);
          const name = grown.path(at).join("/");
          const within = ([key]: [string, unknown]): boolean => key === name || key.startsWith(`${name}/`);
          expect(new Map([...valuesByPath(grown)].filter(within))).toEqual(
            new Map([...valuesByPath(whole)].filter(within)),
          );
          const outside = (tree: FlameTree): Map<string, unknown> =>
            new Map([...valuesByPath(tree)].filter((entry) => !within(entry)));
          expect(outside(grown)).toEqual(outside(culled));
        },
      ),
    );
  });

  test("knows frames by what they say, not by their numbers in the other graph", () => {
    const stacks: PlainStack[] = [{ frames: [0, 1, 2], value: 5, other: 1 }];
    const reversed = namedFrames(NAMES.toReversed());
    const flipped = stacks.map((stack) => ({ ...stack, frames: stack.frames.map((at) => NAMES.length - 1 - at) }));
    const tree = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
    const part = partOf(flipped, [NAMES.length - 1, NAMES.length - 2], reversed);
    expect(valuesByPath(graft(tree, 2, part)!)).toEqual(valuesByPath(tree));
  });

  test("says as a remainder what the part has less, and refuses a part that has more", () => {
    const stacks: PlainStack[] = [{ frames: [0, 1], value: 10, other: 0 }];
    const tree = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
    const less = graft(tree, 1, partOf([{ frames: [0, 1], value: 8, other: 0 }], [0]))!;
    const remainder = less.frame.indexOf(REMAINDER_FRAME);
    expect([less.total[1], less.total[remainder], less.parent(remainder)]).toEqual([10, 2, 1]);
    expect(graft(tree, 1, partOf([{ frames: [0, 1], value: 11, other: 0 }], [0]))).toBeUndefined();
  });
});
