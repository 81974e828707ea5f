/**
 * Graphs from the server are culled to what can be seen of the whole; who zooms in needs more. A graph for a place in it:
 * the whole, and below the node that is zoomed to all that there is.
 */
import type { Coverage, FlameFrame } from "../../../src/query/api.ts";
import { focusPath } from "../../../src/query/frame-key.ts";
import { getFlame, type ServerFlame } from "../api/flame-graphs.ts";
import type { Parameters, RequestOptions } from "../api/client.ts";
import { engineOf, type FlameTree, graft, isCulledBelow } from "../flame/index.ts";
import { nodeAtPath } from "./node-path.ts";

/** A graph, and for which place more of it was asked for. */
export interface ZoomedFlame extends ServerFlame {
  /** As in the address; empty for the whole. */
  readonly place: string;
}

/** Parts that are asked for on the way to a place: each has some thousand nodes, and a link may lead below several. */
const MAX_PARTS = 4;

/** @param place path of a node as in the address, see `nodePath`; empty for the whole */
export async function getZoomedFlame(
  path: "flamegraph" | "diff",
  parameters: Parameters,
  place: string,
  options: RequestOptions,
): Promise<ZoomedFlame> {
  const whole = await getFlame(path, parameters, options);
  const fixed = { ...parameters, ...timesOf(whole) };
  let { tree } = whole.engine;
  let last = 0;
  for (let parts = 0; parts < MAX_PARTS; parts++) {
    const node = nodeAtPath(tree, place);
    if (node === 0 || (parts > 0 && tree.depthOf(node) === last) || !isCulledBelow(tree, node)) break;
    last = tree.depthOf(node);
    const part = await getFlame(path, { ...fixed, focus: focusPath(framesTo(tree, node)) }, options);
    const grown = graft(tree, node, part.engine.tree);
    if (!grown) break;
    tree = grown;
  }
  return { ...whole, engine: tree === whole.engine.tree ? whole.engine : engineOf(tree), place };
}

/** Whether there is more to be seen at a place than a graph has, and it wasn't asked for yet. */
export function wantsMore({ engine, place }: ZoomedFlame, wanted: string): boolean {
  if (wanted === place) return false;
  const node = nodeAtPath(engine.tree, wanted);
  return node > 0 && isCulledBelow(engine.tree, node);
}

/** The times that an answer covers, so that its part is of the same samples. */
export function timesOf({ coverage, otherCoverage }: Pick<ServerFlame, "coverage" | "otherCoverage">): Parameters {
  const text = ({ from, to }: Coverage): { from: string; to: string } => ({ from: String(from), to: String(to) });
  if (!otherCoverage) return text(coverage);
  const other = text(otherCoverage);
  return { ...text(coverage), other_from: other.from, other_to: other.to };
}

function framesTo(tree: FlameTree, node: number): readonly FlameFrame[] {
  return tree
    .ancestry(node)
    .slice(1)
    .map((at) => tree.frames.text(tree.frame[at]!));
}
