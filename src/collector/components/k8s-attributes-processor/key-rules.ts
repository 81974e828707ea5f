import type { DistinctValues } from "./distinct-values.ts";
import type { RuleObject } from "./rule-objects.ts";
import type { ValueHash } from "./value-hash.ts";

/** Which labels or annotations become which attribute, as in YAML: `key` or `keyRegex`, never both. */
export interface KeyRuleConfig {
  readonly from: RuleObject;
  readonly key: string | undefined;
  readonly keyRegex: string | undefined;
  readonly tagName: string | undefined;
  /** Keys that `keyRegex` matches and that are left out all the same. */
  readonly excludeKeyRegex?: string | undefined;
  /** Gives hashes instead of values. */
  readonly hash?: boolean;
}

/** What patterns don't take, whatever they match. A key that is written out is meant. */
export interface PatternLimits {
  /** Keys that are never taken, matched as a whole. */
  readonly denied: readonly RegExp[];
  /** Longer values are left out: cut, they would be other values. */
  readonly maxValueLength: number;
  /** Attributes that one pattern makes of one object at most. */
  readonly maxAttributes: number;
  /** Values that one attribute gets within an hour at most. */
  readonly maxValues: number;
}

/** For patterns that are written for their keys. */
export const NO_LIMITS: PatternLimits = {
  denied: [],
  maxValueLength: Infinity,
  maxAttributes: Infinity,
  maxValues: Infinity,
};

/** One rule, ready for use. */
export interface KeyRule {
  /** Whether the key is of interest at all. */
  matches(key: string): boolean;
  /**
   * Puts what the rule makes of an object's labels or annotations into `attributes`, over what stands there; returns how
   * many values were left out, because they were too long or too many.
   */
  extract(values: ReadonlyMap<string, string>, attributes: Map<string, string>): number;
}

/**
 * Makes a rule ready for use.
 *
 * @param prefixes what keys are put behind where the rule has no name of its own, e.g. `k8s.pod.label.`; each of them
 *   gives an attribute
 * @param values counts what attributes get, for `limits.maxValues`; without it nobody does, and there is no such limit
 */
export function keyRule(
  config: KeyRuleConfig,
  prefixes: readonly string[],
  limits = NO_LIMITS,
  values?: DistinctValues,
): KeyRule {
  const admit: Admit = (name, value, max) => values?.admit(name, value, max) ?? true;
  if (config.keyRegex === undefined) return exactRule(config.key ?? "", config.tagName, prefixes, admit);
  const { excludeKeyRegex } = config;
  const denied = excludeKeyRegex === undefined ? limits.denied : [wholeKeyRegExp(excludeKeyRegex), ...limits.denied];
  return regexRule(wholeKeyRegExp(config.keyRegex), config.tagName, prefixes, { ...limits, denied }, admit);
}

/** The rule with hashes for values. */
export function hashedRule(rule: KeyRule, hash: ValueHash): KeyRule {
  return {
    matches: (key) => rule.matches(key),
    extract(values, attributes) {
      const plain = new Map<string, string>();
      const leftOut = rule.extract(values, plain);
      for (const [name, value] of plain) attributes.set(name, hash.of(value));
      return leftOut;
    },
  };
}

/** Whether an attribute may have a value, of so many within the hour. */
type Admit = (name: string, value: string, max: number) => boolean;

function exactRule(key: string, tagName: string | undefined, prefixes: readonly string[], admit: Admit): KeyRule {
  const names = tagName === undefined ? prefixes.map((prefix) => prefix + key) : [tagName];
  return {
    matches: (candidate) => candidate === key,
    extract(values, attributes) {
      const value = values.get(key);
      // An empty value would overwrite what an earlier rule found, to be left out in the end.
      if (!value) return 0;
      for (const name of names) {
        // A key that is written out is meant; it is only counted.
        admit(name, value, Infinity);
        attributes.set(name, value);
      }
      return 0;
    },
  };
}

function regexRule(
  regExp: RegExp,
  tagName: string | undefined,
  prefixes: readonly string[],
  { denied, maxValueLength, maxAttributes, maxValues }: PatternLimits,
  admit: Admit,
): KeyRule {
  const isDenied = (key: string): boolean => denied.some((each) => each.test(key));
  // Upstream's rule: a name only serves as a template, so without groups it is not used.
  const namesOf = (key: string, match: RegExpExecArray): string[] =>
    tagName === undefined || match.length === 1
      ? prefixes.map((prefix) => prefix + key)
      : [expandTemplate(tagName, match)];
  return {
    matches: (candidate) => regExp.test(candidate) && !isDenied(candidate),
    extract(values, attributes) {
      let [taken, leftOut] = [0, 0];
      for (const [key, value] of values) {
        const match = value === "" ? null : regExp.exec(key);
        if (match === null || isDenied(key)) continue;
        if (value.length > maxValueLength || taken === maxAttributes) {
          leftOut++;
          continue;
        }
        taken++;
        const names = namesOf(key, match).filter((name) => name !== "");
        for (const name of names) {
          if (admit(name, value, maxValues)) attributes.set(name, value);
          else leftOut++;
        }
      }
      return leftOut;
    },
  };
}

/** Whether a `key_regex` has groups, without which its `tag_name` has no effect. Throws where it doesn't compile. */
export function hasGroups(keyRegex: string): boolean {
  return new RegExp(`${wholeKeyRegExp(keyRegex).source}|`).exec("")!.length > 1;
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\s",
  upper: "A-Z",
  word: "\\w",
  xdigit: "0-9A-Fa-f",
};

/**
 * Compiles a regular expression in Go's syntax (RE2), anchored to the whole key. Translated is what differs in
 * JavaScript: named groups `(?P<n>…)`, flags at the beginning `(?i)`, classes `[[:alpha:]]`, `\A` and `\z`.
 * Throws a SyntaxError for what doesn't compile.
 */
export function wholeKeyRegExp(pattern: string): RegExp {
  return goRegExp(`^(?:${stripFlags(pattern)})$`, flagsOf(pattern));
}

/** As `wholeKeyRegExp`, but a match anywhere counts. */
export function anywhereRegExp(pattern: string): RegExp {
  return goRegExp(stripFlags(pattern), flagsOf(pattern));
}

function goRegExp(pattern: string, flags: string): RegExp {
  const translated = pattern
    .replaceAll("(?P<", "(?<")
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$")
    .replaceAll(/\[:(\w+):\]/g, (whole, name: string) => POSIX_CLASSES[name] ?? whole);
  return new RegExp(translated, flags);
}

const LEADING_FLAGS = /^\(\?([ims]+)\)/;

function flagsOf(pattern: string): string {
  return [...new Set(LEADING_FLAGS.exec(pattern)?.[1] ?? "")].join("");
}

function stripFlags(pattern: string): string {
  return pattern.replace(LEADING_FLAGS, "");
}

/**
 * Expands `$1`, `${1}`, `$name`, `${name}`, `$0` (the whole key) and `$$`, as Go's Regexp.Expand does: a name is as
 * long as it can be (`$1x` is a group "1x"), and a group that doesn't exist gives nothing.
 */
export function expandTemplate(template: string, match: RegExpExecArray): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => {
    if (whole === "$$") return "$";
    const name = plain ?? braced ?? "";
    return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? "";
  });
}
