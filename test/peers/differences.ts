import { isDeepStrictEqual } from "node:util";
import type { Attributes, PlainValue } from "./otlp-reader.ts";

/** One attribute that two relays treat differently. `undefined`: not there. */
export interface Difference {
  /** Label of the case. */
  readonly label: string;
  readonly attribute: string;
  readonly collector: PlainValue | undefined;
  readonly podflame: PlainValue | undefined;
}

/** A difference that is meant. */
export interface ExpectedDifference {
  readonly cases: RegExp;
  readonly attribute: RegExp;
  /** What the Collector leaves; a function where a value alone does not say it. */
  readonly collector: PlainValue | undefined | ((value: PlainValue | undefined) => boolean);
  readonly podflame: PlainValue | undefined | ((value: PlainValue | undefined) => boolean);
  readonly reason: string;
}

/** A value of any kind, but there. */
export const something = (value: PlainValue | undefined): boolean => value !== undefined;

/** Attributes that are not the same on both sides. */
export function differences(label: string, collector: Attributes, podflame: Attributes): readonly Difference[] {
  return [...new Set([...Object.keys(collector), ...Object.keys(podflame)])]
    .toSorted()
    .filter((attribute) => !isDeepStrictEqual(collector[attribute], podflame[attribute]))
    .map((attribute) => ({ label, attribute, collector: collector[attribute], podflame: podflame[attribute] }));
}

/**
 * Sorts out what is meant. `unexpected`: differences without an entry, or with another value than the entry says;
 * `stale`: reasons of entries that nothing needed, which must go.
 */
export function compareWithExpected(
  found: readonly Difference[],
  expected: readonly ExpectedDifference[],
): { readonly unexpected: readonly Difference[]; readonly stale: readonly string[] } {
  const used = new Set<ExpectedDifference>();
  const unexpected = found.filter((difference) => {
    const entry = expected.find((each) => covers(each, difference));
    if (entry !== undefined) used.add(entry);
    return entry === undefined;
  });
  return { unexpected, stale: expected.filter((each) => !used.has(each)).map(({ reason }) => reason) };
}

function covers(expected: ExpectedDifference, found: Difference): boolean {
  const holds = (wanted: ExpectedDifference["collector"], value: PlainValue | undefined): boolean =>
    typeof wanted === "function" ? wanted(value) : isDeepStrictEqual(wanted, value);
  return (
    expected.cases.test(found.label) &&
    expected.attribute.test(found.attribute) &&
    holds(expected.collector, found.collector) &&
    holds(expected.podflame, found.podflame)
  );
}
