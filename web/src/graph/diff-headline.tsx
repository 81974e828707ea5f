/** The first line of a comparison, in words: what uses most more by itself than before, and what most less. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { FlameTree, FunctionTable } from "../flame/index.ts";
import { formatShare } from "../format/quantities.ts";
import { shortFrameName } from "./frame-names.ts";

/** Shares of both sides; a change is said in points of them. */
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
  const say = ({ frame, points }: Change): JSX.Element => (
    <>
      <button
        type="button"
        class="link"
        title={tree.frames.name(frame)}
        onClick={() => onFunction(tree.frames.name(frame))}
      >
        {shortFrameName(tree.frames, frame)}
      </button>{" "}
      <strong class="number">
        {points > 0 && "+"}
        {formatShare(points)}
      </strong>
    </>
  );
  if (!more && !less) return <p class="headline">No function uses noticeably more or less by itself than before.</p>;
  return (
    <p class="headline">
      {more && <>Most more by itself: {say(more)}. </>}
      {less && <>Most less: {say(less)}. </>}
      <span class="muted">
        In points of {tree.diffScale === "relative" ? "each side's total" : "the total before"}.
      </span>
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
