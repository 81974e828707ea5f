import { ROOT_ID } from "../cgroup/cgroup-roots.ts";
import type { CgroupTree } from "../cgroup/cgroup-tree.ts";

/** Tells a tree of cgroups of version 2 by their paths, as the kernel would in its way. */
export class ToldCgroups {
  readonly #tree: CgroupTree;
  readonly #idOf = new Map([["", ROOT_ID]]);

  constructor(tree: CgroupTree) {
    this.#tree = tree;
  }

  /** The one above must have been told of before. */
  made(id: number, path: string): void {
    const end = path.lastIndexOf("/");
    const parent = this.#idOf.get(path.slice(0, end));
    if (parent === undefined) throw new Error(`nothing is above ${path}`);
    this.#idOf.set(path, id);
    this.#tree.made(2, id, parent, path.slice(end + 1));
  }
}
