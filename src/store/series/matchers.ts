import type { Matcher, Selector } from "../profile-store.ts";
import { safeExpression } from "./safe-expression.ts";

/** Whether all matchers of a selector hold for these labels. */
export type LabelTest = (labels: ReadonlyMap<string, string>) => boolean;

/** Values with bars between, as lists to choose from write them; may be long. */
const LITERALS = /^[^\\^$.*+?()[\]{}|]+(?:\|[^\\^$.*+?()[\]{}|]+)*$/;

/**
 * Makes a test of a selector. What an expression says of a value is remembered, for many series share theirs; so keep
 * the test for one question only.
 * @throws StoreError "invalid" for an expression that is wrong or could take long
 */
export function compileSelector(selector: Selector): LabelTest {
  const tests = selector.map((matcher) => ({ name: matcher.name, holds: compileMatcher(matcher) }));
  return (labels) => tests.every(({ name, holds }) => holds(labels.get(name) ?? ""));
}

/**
 * A test of one label's value. The same remarks apply.
 * @throws StoreError "invalid"
 */
export function compileMatcher({ name, op, value }: Matcher): (text: string) => boolean {
  if (op === "=") return (text) => text === value;
  if (op === "!=") return (text) => text !== value;
  const matches = compilePattern(name, value);
  return op === "=~" ? matches : (text) => !matches(text);
}

function compilePattern(name: string, pattern: string): (text: string) => boolean {
  if (LITERALS.test(pattern)) {
    const literals = new Set(pattern.split("|"));
    return (text) => literals.has(text);
  }
  const expression = safeExpression(name, pattern);
  const known = new Map<string, boolean>();
  return (text) => {
    let answer = known.get(text);
    if (answer === undefined) known.set(text, (answer = expression.test(text)));
    return answer;
  };
}
