/**
 * What can be wrong with the stack of a sample that is in a request. First why the address where it hit has no name, in
 * the order of `Unnamed`; then that callers are missing. Names of metrics' labels, and of attributes behind a prefix.
 */
export const FLAWS = [
  "unnamed.no_symbol",
  "unnamed.process_gone",
  "unnamed.unmapped",
  "unnamed.generated",
  "unnamed.kernel_hidden",
  "truncated",
] as const;

/** Index of `truncated`. */
export const TRUNCATED_FLAW = FLAWS.length - 1;
