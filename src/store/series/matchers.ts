import { type Matcher, type Selector, StoreError } from "../profile-store.ts";

/** Whether all matchers of a selector hold for these labels. */
export type LabelTest = (labels: ReadonlyMap<string, string>) => boolean;

/** Longer expressions are refused: compiling them alone takes noticeable time. */
const MAX_PATTERN_LENGTH = 4096;
const LITERALS = /^[^\\^$.*+?()[\]{}|]+(?:\|[^\\^$.*+?()[\]{}|]+)*$/;
/** How Go's expressions begin that ignore case. */
const IGNORE_CASE = /^\(\?i\)/;

/**
 * Makes a test of a selector. What an expression says of a value is remembered, for many series share theirs; so keep
 * the test for one question only.
 * @throws StoreError "invalid" for an expression that can't be compiled
 */
export function compileSelector(selector: Selector): LabelTest {
  const tests = selector.map((matcher) => ({ name: matcher.name, holds: compileMatcher(matcher) }));
  return (labels) => tests.every(({ name, holds }) => holds(labels.get(name) ?? ""));
}

function compileMatcher({ name, op, value }: Matcher): (text: string) => boolean {
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
  const expression = expressionOf(name, pattern);
  const known = new Map<string, boolean>();
  return (text) => {
    let answer = known.get(text);
    if (answer === undefined) known.set(text, (answer = expression.test(text)));
    return answer;
  };
}

function expressionOf(name: string, pattern: string): RegExp {
  const invalid = (why: string, cause?: unknown): StoreError =>
    new StoreError("invalid", `expression of label ${name} ${why}: ${pattern.slice(0, 200)}`, { cause });
  if (pattern.length > MAX_PATTERN_LENGTH) throw invalid(`is longer than ${MAX_PATTERN_LENGTH} characters`);
  try {
    const ignoresCase = IGNORE_CASE.test(pattern);
    return new RegExp(`^(?:${pattern.replace(IGNORE_CASE, "")})$`, ignoresCase ? "is" : "s");
  } catch (error) {
    throw invalid("is not valid; check its brackets and escapes", error);
  }
}
