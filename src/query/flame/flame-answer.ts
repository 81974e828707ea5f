import type { Coverage, DiffAnswer, FlameAnswer } from "../api.ts";
import type { PrunedTree } from "./prune.ts";

/** What a graph's answer says besides its nodes. */
export interface FlameHeader {
  readonly type: string;
  readonly unit: string;
  readonly cores: boolean;
  readonly coverage: Coverage;
  /** Of the second selection of a diff. */
  readonly otherCoverage?: Coverage;
}

/** The answer as JSON has it. */
export function flameAnswer(header: FlameHeader, tree: PrunedTree): FlameAnswer | DiffAnswer {
  return {
    ...header,
    omitted: tree.omitted,
    frames: tree.frames,
    nodes: {
      frame: Array.from(tree.frame),
      children: Array.from(tree.children),
      total: Array.from(tree.total),
      ...(tree.other ? { other: Array.from(tree.other) } : {}),
    },
  };
}
