import type { KeyFilter } from "#kubernetes";
import type { DistinctValues } from "./distinct-values.ts";
import type { ExtractionConfig } from "./extraction.ts";
import {
  hashedRule,
  keyRule,
  type KeyRule,
  type KeyRuleConfig,
  NO_LIMITS,
  type PatternLimits,
  wholeKeyRegExp,
} from "./key-rules.ts";
import { RULE_OBJECTS, type RuleObject } from "./rule-objects.ts";
import { type KeyedField, keyPrefixes } from "./semconv.ts";

/** Wants nothing. */
export const NO_KEYS: KeyFilter = { label: () => false, annotation: () => false };

/** Attribute names that a pod asks for itself: `resource.opentelemetry.io/<name>` (`otel_annotations`). */
const OTEL_ANNOTATION: KeyRuleConfig = {
  from: "pod",
  key: undefined,
  keyRegex: "resource\\.opentelemetry\\.io/(.+)",
  tagName: "$1",
};

/** The rules for the labels and annotations of one kind of object. */
export class ObjectRules {
  readonly #labels: readonly KeyRule[];
  readonly #annotations: readonly KeyRule[];
  /** The labels and annotations that they read. */
  readonly keys: KeyFilter;

  constructor(labels: readonly KeyRule[], annotations: readonly KeyRule[]) {
    this.#labels = labels;
    this.#annotations = annotations;
    this.keys = {
      label: (key) => labels.some((rule) => rule.matches(key)),
      annotation: (key) => annotations.some((rule) => rule.matches(key)),
    };
  }

  /** Puts what becomes of an object's labels into `attributes`; returns how many values were left out. */
  applyLabels(labels: ReadonlyMap<string, string>, attributes: Map<string, string>): number {
    return applied(this.#labels, labels, attributes);
  }

  /** The same for its annotations. */
  applyAnnotations(annotations: ReadonlyMap<string, string>, attributes: Map<string, string>): number {
    return applied(this.#annotations, annotations, attributes);
  }
}

/**
 * The rules of a configuration by what they read; nothing for objects that no rule reads.
 *
 * @param values counts what attributes get; see `keyRule`
 */
export function compileRules(
  config: ExtractionConfig,
  values: DistinctValues | undefined,
): ReadonlyMap<RuleObject, ObjectRules> {
  const { labels, annotations, otelAnnotations, semconv, patternLimits, hash } = config;
  const limits: PatternLimits =
    patternLimits === undefined ? NO_LIMITS : { ...patternLimits, denied: patternLimits.deny.map(wholeKeyRegExp) };
  const compiled = new Map<RuleObject, ObjectRules>();
  for (const from of RULE_OBJECTS) {
    const own = (rules: readonly KeyRuleConfig[], field: KeyedField): KeyRule[] =>
      rules
        .filter((rule) => rule.from === from)
        .map((rule) => {
          const plain = keyRule(rule, keyPrefixes(from, field, semconv), limits, values);
          return rule.hash === true && hash !== undefined ? hashedRule(plain, hash) : plain;
        });
    const [ofLabels, ofAnnotations] = [own(labels, "label"), own(annotations, "annotation")];
    // The last of all. Who writes an annotation for OpenTelemetry means it, so nothing is denied.
    if (otelAnnotations && from === OTEL_ANNOTATION.from)
      ofAnnotations.push(keyRule(OTEL_ANNOTATION, [], NO_LIMITS, values));
    if (ofLabels.length + ofAnnotations.length > 0) compiled.set(from, new ObjectRules(ofLabels, ofAnnotations));
  }
  return compiled;
}

function applied(
  rules: readonly KeyRule[],
  values: ReadonlyMap<string, string>,
  attributes: Map<string, string>,
): number {
  let leftOut = 0;
  for (const rule of rules) leftOut += rule.extract(values, attributes);
  return leftOut;
}
