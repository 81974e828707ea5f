/** Who calls a function and what it calls, by all samples of a selection: a culled graph lacks the small calls. */
import type { FlameAnswer, SandwichAnswer } from "../../../src/query/api.ts";
import { type FlameEngine, engineOf, FlameTree, FrameTable } from "../flame/index.ts";
import { getJson, type Parameters, type RequestOptions } from "./client.ts";
import { coveredMs, firstChildren } from "./flame-decoding.ts";

export interface Sandwich {
  /** The function is outermost, below it are its callers. */
  readonly callers: FlameEngine;
  /** The function is outermost, below it is what it calls. */
  readonly callees: FlameEngine;
}

/** Nodes of either half: more than can be seen in its height. */
const MAX_NODES = 4000;

/** @param parameters selection, type and `function`. A function that isn't there has halves of a root only. */
export async function getSandwich(parameters: Parameters, options: RequestOptions): Promise<Sandwich> {
  const answer = await getJson<SandwichAnswer>("sandwich", { ...parameters, max_nodes: MAX_NODES }, options);
  return { callers: engineOf(treeOf(answer.callers)), callees: engineOf(treeOf(answer.callees)) };
}

function treeOf({ type, unit, cores, coverage, omitted, frames, nodes }: FlameAnswer): FlameTree {
  const coveredBy = cores ? coveredMs(coverage) : undefined;
  return new FlameTree(
    {
      measure: { type, unit, coveredMs: coveredBy, otherCoveredMs: undefined, omitted },
      frame: Int32Array.from(nodes.frame),
      firstChild: firstChildren(nodes.children),
      total: Float64Array.from(nodes.total),
      other: undefined,
    },
    FrameTable.of(frames),
  );
}
