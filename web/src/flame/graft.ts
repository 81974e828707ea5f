import { buildTree } from "./build-tree.ts";
import { type FlameTree, REMAINDER_FRAME } from "./flame-tree.ts";
import { FrameTable, type FrameText } from "./frame-table.ts";
import { MAX_STACK_FRAMES, StackTableBuilder } from "./stack-table.ts";

/** What of a node may be missing below it without anybody seeing it: a pixel of a wide screen. */
const VISIBLE_SHARE = 1 / 1000;

/** Whether so much is missing below a node that it would be seen when the node fills the width. */
export function isCulledBelow(tree: FlameTree, node: number): boolean {
  const least = tree.weight[node]! * VISIBLE_SHARE;
  for (
    let [start, end] = [node, node + 1];
    start < end;
    [start, end] = [tree.firstChild[start]!, tree.firstChild[end]!]
  ) {
    for (let at = start; at < end; at++) {
      if (tree.frame[at] === REMAINDER_FRAME && tree.weight[at]! >= least) return true;
    }
  }
  return false;
}

/**
 * A tree in which all below a node is as another tree has it: the answer to a question for that node only, whose root has
 * it as its only child. What the part has less than the node becomes the node's remainder; undefined where the part has
 * more, for then it is of another time.
 */
export function graft(tree: FlameTree, node: number, part: FlameTree): FlameTree | undefined {
  const missing = tree.total[node]! - part.total[0]!;
  const otherMissing = (tree.other?.[node] ?? 0) - (part.other?.[0] ?? 0);
  if (part.length < 2 || missing < 0 || otherMissing < 0) return undefined;
  const { frames, partFrame } = mergedFrames(tree.frames, part.frames);
  const builder = new StackTableBuilder(tree.other !== undefined);
  const pushPath = (of: FlameTree, from: number, frameOf: (frame: number) => number): void => {
    for (const at of of.ancestry(from).slice(1)) builder.push(frameOf(of.frame[at]!));
  };
  const own = (frame: number): number => frame;
  const replaced = nodesWithin(tree, node);
  for (let at = 0; at < tree.length; at++) {
    if (replaced[at] === 1) continue;
    const [self, other] = [tree.self(at), tree.otherSelf(at)];
    if (self <= 0 && other <= 0) continue;
    pushPath(tree, at, own);
    builder.close(Math.max(self, 0), Math.max(other, 0));
    if (builder.frameCount > MAX_STACK_FRAMES) return undefined;
  }
  const parent = tree.parent(node);
  for (let at = 1; at < part.length; at++) {
    const [self, other] = [part.self(at), part.otherSelf(at)];
    if (self <= 0 && other <= 0) continue;
    pushPath(tree, parent, own);
    pushPath(part, at, partFrame);
    builder.close(Math.max(self, 0), Math.max(other, 0));
    if (builder.frameCount > MAX_STACK_FRAMES) return undefined;
  }
  pushPath(tree, node, own);
  builder.push(REMAINDER_FRAME);
  builder.close(missing, otherMissing);
  return buildTree(builder.finish(), frames, tree.measure, { diffScale: tree.diffScale });
}

/** 1 for a node and all below it. */
function nodesWithin(tree: FlameTree, node: number): Uint8Array {
  const within = new Uint8Array(tree.length);
  for (
    let [start, end] = [node, node + 1];
    start < end;
    [start, end] = [tree.firstChild[start]!, tree.firstChild[end]!]
  ) {
    within.fill(1, start, end);
  }
  return within;
}

/** The frames of two trees, each once; those of the first keep their numbers. */
function mergedFrames(
  first: FrameTable,
  second: FrameTable,
): { readonly frames: FrameTable; readonly partFrame: (frame: number) => number } {
  const texts: FrameText[] = [];
  const known = new Map<string, number>();
  const number = (text: FrameText): number => {
    const key = [text.name, text.file, text.line, text.type, text.mapping].join("\0");
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, texts.length);
    return texts.push(text) - 1;
  };
  for (let frame = 0; frame < first.length; frame++) {
    const text = first.text(frame);
    number(text);
    // Where two frames are equal, both keep their numbers.
    if (texts.length === frame) texts.push(text);
  }
  const numbers = Int32Array.from({ length: second.length }, (_, frame) => number(second.text(frame)));
  return { frames: FrameTable.of(texts), partFrame: (frame) => (frame < 0 ? frame : numbers[frame]!) };
}
