import { QueryError } from "../query-error.ts";

const MAX_LENGTH = 1024;
/** Loops in a row are tried in each other's place: time grows with the length of a value to this power. */
const MAX_LOOPS = 4;
const REMEDY = "Labels are matched by expressions as Prometheus has them, e.g. cart-.*|checkout.";

/**
 * Refuses expressions that are wrong, that Prometheus doesn't have (looking around, back references), or that could keep
 * the engine busy for long: a loop within a loop takes time that doubles with each character.
 * @throws QueryError "invalid"
 */
export function checkPattern(label: string, pattern: string): void {
  const refuse = (why: string): QueryError =>
    new QueryError("invalid", `the expression of label ${label} ${why}: ${pattern.slice(0, 200)}`, REMEDY);
  if (pattern.length > MAX_LENGTH) throw refuse(`is longer than ${MAX_LENGTH} characters`);
  try {
    // eslint-disable-next-line no-new -- compiled for its errors alone
    RegExp(`^(?:${pattern.replace(/^\(\?i\)/, "")})$`, "su");
  } catch (error) {
    throw new QueryError("invalid", `the expression of label ${label} is not valid: ${pattern.slice(0, 200)}`, REMEDY, {
      cause: error,
    });
  }
  const loops = loopsOf(pattern);
  if (loops === "foreign") throw refuse("looks around or back");
  if (loops === "nested") throw refuse("has a repetition within a repetition");
  if (loops > MAX_LOOPS) throw refuse(`has more than ${MAX_LOOPS} repetitions without a bound`);
}

/** Counts unbounded repetitions of a valid expression. */
function loopsOf(pattern: string): number | "nested" | "foreign" {
  let loops = 0;
  /** For each open group, whether there is a loop in it. */
  const groups = [false];
  let closed = false;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    const wasClosed = closed;
    closed = false;
    if (character === "\\") {
      if (/[1-9k]/.test(pattern[at + 1] ?? "")) return "foreign";
      at++;
    } else if (character === "[") at = endOfClass(pattern, at);
    else if (character === "(") {
      if (/^\(\?(?:[=!]|<[=!])/.test(pattern.slice(at))) return "foreign";
      groups.push(false);
    } else if (character === ")") {
      const inner = groups.pop()!;
      groups[groups.length - 1] ||= inner;
      closed = inner;
    } else if (isLoop(pattern, at)) {
      if (wasClosed) return "nested";
      groups[groups.length - 1] = true;
      loops++;
    }
  }
  return loops;
}

function isLoop(pattern: string, at: number): boolean {
  const character = pattern[at]!;
  if (character === "*" || character === "+") return true;
  const bounds = character === "{" ? /^\{\d+(,?)(\d*)\}/.exec(pattern.slice(at)) : null;
  // A hundred times is as good as no bound.
  return bounds !== null && ((bounds[1] === "," && bounds[2] === "") || Number(bounds[2]) > 100);
}

function endOfClass(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]") return at;
  }
  return pattern.length;
}
