import type { MetadataObject, PodObject } from "#kubernetes";
import { Extraction, type ExtractionConfig, type PatternLimitsConfig } from "./extraction.ts";
import { type KeyRuleConfig, wholeKeyRegExp } from "./key-rules.ts";
import type { RuleObject } from "./rule-objects.ts";

/** A label or annotation that a pattern matches and that leaves the node nevertheless not. Without its value. */
export interface LeftOutKey {
  /** `label` or `annotation`. */
  readonly field: "label" | "annotation";
  readonly key: string;
  /** The rule that would have taken it, and why it doesn't. */
  readonly reason: string;
}

/** Labels or annotations. */
type Values = ReadonlyMap<string, string>;

/**
 * What of an object's labels and annotations the rules for it match and leave out.
 *
 * @param object with all of its labels and annotations
 */
export function leftOutKeys(
  config: ExtractionConfig,
  from: RuleObject,
  object: PodObject | MetadataObject,
): LeftOutKey[] {
  const of = (field: LeftOutKey["field"], rules: readonly KeyRuleConfig[], values: Values): LeftOutKey[] => {
    const own = rules
      .map((rule, at) => ({ rule, text: `extract.${field}s[${at}]` }))
      .filter(({ rule }) => rule.from === from);
    return [...values].flatMap(([key, value]) => {
      const matching = own.filter(({ rule }) => matches(rule, key));
      const taken = matching.some(({ rule }) => isTaken(config, object, field, rule, key));
      return taken
        ? []
        : matching.map(({ rule, text }) => ({ field, key, reason: `${text}: ${whyNot(config, rule, key, value)}` }));
    });
  };
  return [...of("label", config.labels, object.labels), ...of("annotation", config.annotations, object.annotations)];
}

function matches({ key, keyRegex }: KeyRuleConfig, candidate: string): boolean {
  return keyRegex === undefined ? key === candidate : wholeKeyRegExp(keyRegex).test(candidate);
}

/** Asks the extraction itself: whether the attributes are others without the key. */
function isTaken(
  config: ExtractionConfig,
  object: PodObject | MetadataObject,
  field: LeftOutKey["field"],
  rule: KeyRuleConfig,
  key: string,
): boolean {
  const nothing = { labels: [], annotations: [], metadata: [], otelAnnotations: false };
  const extraction = new Extraction({ ...config, ...nothing, [`${field}s`]: [rule] });
  const values = field === "label" ? object.labels : object.annotations;
  const attributes = (left: Values): string => {
    const changed = { ...object, [`${field}s`]: left };
    return JSON.stringify([...("kind" in changed ? extraction.ofObject(changed) : extraction.ofPod(changed))]);
  };
  return attributes(values) !== attributes(new Map([...values].filter(([other]) => other !== key)));
}

function whyNot(
  { patternLimits }: ExtractionConfig,
  { keyRegex, excludeKeyRegex }: KeyRuleConfig,
  key: string,
  value: string,
): string {
  if (value === "") return "its value is empty";
  if (keyRegex === undefined) return "a later rule replaces it";
  if (excludeKeyRegex !== undefined && wholeKeyRegExp(excludeKeyRegex).test(key)) {
    return `exclude_key_regex ${excludeKeyRegex}`;
  }
  return patternLimits === undefined ? "the pattern gives no name for it" : whyNotByLimits(patternLimits, key, value);
}

function whyNotByLimits(
  { deny, maxValueLength, maxAttributes }: PatternLimitsConfig,
  key: string,
  value: string,
): string {
  const denied = deny.find((pattern) => wholeKeyRegExp(pattern).test(key));
  if (denied !== undefined) return `key_regex_deny ${denied}`;
  if (value.length > maxValueLength) {
    return `its value has ${value.length} characters, and key_regex_max_value_length is ${maxValueLength}`;
  }
  return `the pattern gives ${maxAttributes} attributes already (key_regex_max_attributes), or no name for it`;
}
