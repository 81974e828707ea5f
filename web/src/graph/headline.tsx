/** The first line of a graph, in words: the hottest path, its share, and who uses most by itself. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Coverage } from "../../../src/query/api.ts";
import { type FlameTree, type FunctionTable, topFunctions } from "../flame/index.ts";
import { formatShare } from "../format/quantities.ts";
import { amountOf } from "./amounts.ts";
import { shortFrameName } from "./frame-names.ts";
import { hottestPath } from "./hottest-path.ts";

/** Steps that are named: the first and the last ones. */
const FIRST_STEPS = 1;
const LAST_STEPS = 2;

export function Headline({
  tree,
  functions,
  coverage,
  onZoom,
  onFunction,
}: {
  readonly tree: FlameTree;
  readonly functions: FunctionTable | undefined;
  readonly coverage: Coverage | undefined;
  readonly onZoom: (node: number) => void;
  readonly onFunction: (name: string) => void;
}): JSX.Element | null {
  const path = useMemo(() => hottestPath(tree), [tree]);
  const leader = useMemo(() => functions && leaderOf(tree, functions), [tree, functions]);
  const last = path.at(-1);
  if (last === undefined) return null;
  const named: readonly number[] =
    path.length <= FIRST_STEPS + LAST_STEPS + 1
      ? path
      : [...path.slice(0, FIRST_STEPS), -1, ...path.slice(-LAST_STEPS)];
  const { cores, share } = amountOf(tree, tree.total[last]!);
  return (
    <p class="headline">
      Hottest path{" "}
      {named.map((node, at) => (
        <span key={node}>
          {at > 0 && <span class="arrow"> › </span>}
          {node < 0 ? (
            "…"
          ) : (
            <button type="button" class="link" title={tree.name(node)} onClick={() => onZoom(node)}>
              {shortFrameName(tree.frames, tree.frame[node]!)}
            </button>
          )}
        </span>
      ))}
      : <strong class="number">{share}</strong>
      {cores !== undefined && <span class="number">, {cores}</span>}.
      {leader && (
        <>
          {" "}
          Most by itself:{" "}
          <button type="button" class="link" title={leader.name} onClick={() => onFunction(leader.name)}>
            {shortFrameName(tree.frames, leader.frame)}
          </button>
          , <strong class="number">{formatShare(leader.share)}</strong>.
        </>
      )}
      {coverage && <Gaps coverage={coverage} />}
    </p>
  );
}

/** What the numbers don't cover, where that is worth a word. */
function Gaps({ coverage }: { readonly coverage: Coverage }): JSX.Element | null {
  const share = (value: number): number => (coverage.total > 0 ? value / coverage.total : 0);
  const parts = [
    share(coverage.truncated) >= 0.01 ? `${formatShare(share(coverage.truncated))} of stacks are cut off` : "",
    share(coverage.unattributed + coverage.unnamed) >= 0.01
      ? `${formatShare(share(coverage.unattributed + coverage.unnamed))} belongs to nobody known`
      : "",
    coverage.gaps.length > 0 ? "there are gaps in this time" : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? null : (
    <span class="muted" title={coverage.plan}>
      {" "}
      ({parts.join(", ")})
    </span>
  );
}

function leaderOf(
  tree: FlameTree,
  functions: FunctionTable,
): { name: string; frame: number; share: number } | undefined {
  const frame = topFunctions(functions, "self", 1)[0];
  if (frame === undefined || functions.whole <= 0) return undefined;
  return { name: tree.frames.name(frame), frame, share: functions.self[frame]! / functions.whole };
}
