import { PYTHON_GAPS } from "../stacks/python-gap.ts";
import { TRUNCATIONS } from "../stacks/truncation.ts";

/**
 * What can be wrong with the stack of a sample that is in a request. First why the address where it hit has no name, in
 * the order of `Unnamed`; then that callers are missing, and for each reason that it is this one; last why functions of Python
 * are missing. Names of metrics' labels, and of attributes behind a prefix.
 */
export const FLAWS = [
  "unnamed.no_symbol",
  "unnamed.process_gone",
  "unnamed.unmapped",
  "unnamed.generated",
  "unnamed.kernel_hidden",
  "truncated",
  ...TRUNCATIONS.slice(1).map(({ reason }) => `truncated.${reason}`),
  ...PYTHON_GAPS.slice(1).map(({ reason }) => `python_hidden.${reason}`),
];

const TRUNCATED_AT = FLAWS.indexOf("truncated");

const PYTHON_AT = FLAWS.length - PYTHON_GAPS.length;

/** The bit of a stack that lacks functions of Python, one of `PythonGap`: 0 for `None`. */
export function pythonFlaw(gap: number): number {
  return gap === 0 ? 0 : 1 << (PYTHON_AT + gap);
}

/** The bits of a stack that lacks callers, one of `Truncation`: 0 for `None`. */
export function truncationFlaws(truncation: number): number {
  return truncation === 0 ? 0 : (1 << TRUNCATED_AT) | (1 << (TRUNCATED_AT + truncation));
}
