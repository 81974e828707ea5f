import { frameKey } from "../frame-key.ts";
import type { Functions } from "./function-table.ts";
import type { StackSource } from "./stack-source.ts";

/**
 * The part of a graph at one node, which becomes the only child of the root; nothing where there is no such node.
 *
 * @param functions those of the sources
 * @param path keys of the frames from the outermost to that of the node
 */
export function focusOn(
  sources: readonly StackSource[],
  functions: Functions,
  path: readonly string[],
): readonly StackSource[] {
  const keys = new Map<number, string>();
  const keyOf = (called: number): string => {
    let key = keys.get(called);
    if (key === undefined) keys.set(called, (key = frameKey(functions.at(called))));
    return key;
  };
  return sources.flatMap((source) => {
    const isGrouped = source.under >= 0;
    if (isGrouped && keyOf(source.under) !== path[0]) return [];
    const steps = isGrouped ? path.slice(1) : path;
    if (steps.length === 0) return [source];
    const found = nodesAt(source, steps, keyOf);
    return found.length === 0 ? [] : [{ ...source, under: -1, tree: source.tree.below(found) }];
  });
}

/** Nodes at the end of a path: lines of one function are several. */
function nodesAt(
  { tree, functionOf }: StackSource,
  steps: readonly string[],
  keyOf: (called: number) => string,
): readonly number[] {
  let nodes = [0];
  for (const step of steps) {
    const below: number[] = [];
    for (const node of nodes) {
      for (let at = tree.first(node); at !== 0; at = tree.next(at)) {
        const child = tree.node(at);
        if (keyOf(functionOf(child)) === step) below.push(child);
      }
    }
    nodes = below;
  }
  return nodes;
}
