/** One thing that sampling needs or profits from, and whether it is there. */
export interface KernelCheck {
  /** E.g. `capability CAP_BPF`. */
  readonly what: string;
  /** `false` only where sampling can't work without it. */
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do, where something is missing or could be better. */
  readonly remedy?: string | undefined;
}

/** Something without which this kernel, or this process in it, can't be sampled. */
export interface KernelProblem {
  readonly what: string;
  readonly remedy: string;
}

/** Sampling can't start here. Holds everything that is missing, not only the first thing. */
export class KernelSupportError extends Error {
  override readonly name = "KernelSupportError";
  readonly problems: readonly KernelProblem[];

  constructor(problems: readonly KernelProblem[], options?: ErrorOptions) {
    super(problems.map(({ what, remedy }) => `${what}: ${remedy}`).join("; "), options);
    this.problems = problems;
  }
}
