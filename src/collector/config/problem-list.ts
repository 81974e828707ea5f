import type { ConfigProblem } from "./config-error.ts";
import { locate, type ConfigNode } from "./node.ts";

/** Collects problems of one tree and finds where in the sources each stands. */
export class ProblemList {
  readonly problems: ConfigProblem[] = [];
  readonly #root: ConfigNode;

  constructor(root: ConfigNode) {
    this.#root = root;
  }

  /** Adds a problem at `path`, unless reading the value there failed already, which has been reported. */
  add(path: readonly (string | number)[], message: string): void {
    const { place, broken } = locate(this.#root, path);
    if (!broken) this.problems.push({ place, path, message });
  }

  /** In the order in which they stand in the sources. */
  sorted(): ConfigProblem[] {
    const sources = [...new Set(this.problems.map((problem) => problem.place?.source))];
    return this.problems.sort(
      (a, b) =>
        sources.indexOf(a.place?.source) - sources.indexOf(b.place?.source) ||
        (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
        (a.place?.column ?? 0) - (b.place?.column ?? 0),
    );
  }
}
