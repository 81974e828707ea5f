import { buildTree, type BuildOptions } from "./build-tree.ts";
import type { FlameTree } from "./flame-tree.ts";
import { type FunctionTable, functionsOf } from "./function-table.ts";
import { findMatches, type Matches, type SearchProblem, type SearchQuery } from "./matches.ts";
import { type StackTable, stacksOf } from "./stack-table.ts";
import { type Transform, transformStacks } from "./transform.ts";

/**
 * A tree, and the questions that walk all of it. For a tree from the server they are answered on the spot; for a file
 * they go to the worker that read it. An answer to a question that nobody waits for any more may be dropped: what is
 * asked later is answered first.
 */
export interface FlameEngine {
  readonly tree: FlameTree;
  search(query: SearchQuery): Promise<Matches | SearchProblem>;
  /** The functions of the tree as it is shown. */
  functions(): Promise<FunctionTable>;
  /** Another engine, whose tree is this one's after all the steps. Undefined where the tree is too large and deep. */
  transform(steps: readonly Transform[], options?: BuildOptions): Promise<FlameEngine | undefined>;
  close(): void;
}

/** An engine in this thread, for trees that were culled. */
export function engineOf(tree: FlameTree): FlameEngine {
  return new LocalEngine(tree, undefined);
}

class LocalEngine implements FlameEngine {
  readonly tree: FlameTree;
  #stacks: StackTable | undefined;

  constructor(tree: FlameTree, stacks: StackTable | undefined) {
    this.tree = tree;
    this.#stacks = stacks;
  }

  search(query: SearchQuery): Promise<Matches | SearchProblem> {
    return Promise.resolve(findMatches(this.tree, query));
  }

  functions(): Promise<FunctionTable> {
    const stacks = this.#allStacks();
    return stacks ? Promise.resolve(functionsOf(stacks, this.tree.frames)) : Promise.reject(new Error(TOO_DEEP));
  }

  transform(steps: readonly Transform[], options: BuildOptions = {}): Promise<FlameEngine | undefined> {
    const { frames, measure, diffScale } = this.tree;
    let stacks = this.#allStacks();
    if (!stacks) return Promise.resolve(undefined);
    for (const step of steps) stacks = transformStacks(stacks, frames, step);
    const tree = buildTree(stacks, frames, measure, { diffScale, ...options });
    return Promise.resolve(new LocalEngine(tree, stacks));
  }

  close(): void {
    this.#stacks = undefined;
  }

  #allStacks(): StackTable | undefined {
    return (this.#stacks ??= stacksOf(this.tree));
  }
}

const TOO_DEEP = "the graph is too large and too deep to be taken apart: narrow the selection";
