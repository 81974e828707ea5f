/** The first line of a comparison, in words: what grew most by itself, and what shrank most. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { FlameTree, FunctionTable } from "../flame/index.ts";
import { amountOf, mainAmount } from "./amounts.ts";
import { shortFrameName } from "./frame-names.ts";

/** What a function uses by itself on both sides, held against each other as shares. */
interface Change {
  readonly frame: number;
  readonly points: number;
}

/** Smaller ones are noise. */
const LEAST_POINTS = 0.002;

export function DiffHeadline({
  tree,
  functions,
  onFunction,
}: {
  readonly tree: FlameTree;
  readonly functions: FunctionTable;
  readonly onFunction: (name: string) => void;
}): JSX.Element {
  const { more, less } = useMemo(() => largestChanges(tree, functions), [tree, functions]);
  const isRelative = tree.diffScale === "relative";
  const used = (value: number, side: "first" | "other"): string => {
    const amount = amountOf(tree, value, side);
    return isRelative ? amount.share : mainAmount(amount);
  };
  const say = ({ frame }: Change): JSX.Element => (
    <>
      <button
        type="button"
        class="link"
        title={tree.frames.name(frame)}
        onClick={() => onFunction(tree.frames.name(frame))}
      >
        {shortFrameName(tree.frames, frame)}
      </button>
      , <span class="number">{used(functions.self[frame] ?? 0, "first")}</span> →{" "}
      <strong class="number">{used(functions.otherSelf?.[frame] ?? 0, "other")}</strong>
    </>
  );
  if (!more && !less) return <p class="headline">No function uses noticeably more or less by itself than before.</p>;
  return (
    <p class="headline">
      {more && <>Grew most by itself: {say(more)}. </>}
      {less && <>Shrank most: {say(less)}. </>}
      {isRelative && <span class="muted">Shares of each side's total.</span>}
    </p>
  );
}

function largestChanges(
  tree: FlameTree,
  { self, otherSelf, whole, otherWhole }: FunctionTable,
): {
  more: Change | undefined;
  less: Change | undefined;
} {
  let more: Change | undefined;
  let less: Change | undefined;
  const scale = tree.diffScale === "relative" ? otherWhole : whole;
  for (let frame = 0; frame < self.length; frame++) {
    const points = (scale > 0 ? (otherSelf?.[frame] ?? 0) / scale : 0) - (whole > 0 ? self[frame]! / whole : 0);
    if (points > Math.max(LEAST_POINTS, more?.points ?? 0)) more = { frame, points };
    if (points < Math.min(-LEAST_POINTS, less?.points ?? 0)) less = { frame, points };
  }
  return { more, less };
}
