import { StoreError } from "../profile-store.ts";

/** Longer expressions are refused: compiling them alone takes noticeable time. */
const MAX_LENGTH = 4096;
/** Characters of a value that a repetition may begin and end at, as it were. Few label values are longer. */
const LOOP_COST = 256;
/** Three repetitions in a row and a few choices: some 100 ms for a value that is made to be slow, nothing for others. */
const MAX_COST = 2e8;
/** How Go's expressions begin that ignore case. */
const IGNORE_CASE = /^\(\?i\)/;

/**
 * An expression that is matched against a whole value. Refuses those that are wrong, that Prometheus doesn't have
 * (looking around, back references), or that a backtracking engine could be busy with for long: counts in how many ways
 * a value can be gone through. Choices add up, what follows one another multiplies, and a repetition of something that
 * has several ways itself has no bound.
 *
 * @param label what its values are matched against; for the error
 * @throws StoreError "invalid"
 */
export function safeExpression(label: string, pattern: string): RegExp {
  const refuse = (why: string, cause?: unknown): StoreError =>
    new StoreError("invalid", `the expression of label ${label} ${why}: ${pattern.slice(0, 200)}`, { cause });
  if (pattern.length > MAX_LENGTH) throw refuse(`is longer than ${MAX_LENGTH} characters`);
  const body = pattern.replace(IGNORE_CASE, "");
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${body})$`, body === pattern ? "s" : "is");
  } catch (error) {
    throw refuse("is not valid; check its brackets and escapes", error);
  }
  const cost = new PatternCost(body).whole();
  if (cost === undefined) throw refuse("looks around or back, which Prometheus doesn't have");
  if (cost > MAX_COST) throw refuse("has too many repetitions or choices in a row; write it simpler");
  return expression;
}

/** Repeats an atom so often. */
interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Walks a valid expression. */
class PatternCost {
  readonly #pattern: string;
  #at = 0;
  #isForeign = false;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Undefined for what Prometheus doesn't have. */
  whole(): number | undefined {
    const cost = this.#choice();
    return this.#isForeign ? undefined : cost;
  }

  #choice(): number {
    let cost = this.#sequence();
    while (this.#pattern[this.#at] === "|") {
      this.#at++;
      cost += this.#sequence();
    }
    return cost;
  }

  #sequence(): number {
    let cost = 1;
    while (this.#at < this.#pattern.length && !"|)".includes(this.#pattern[this.#at]!)) {
      const atom = this.#atom();
      cost *= repeated(atom, this.#bounds());
    }
    return cost;
  }

  #atom(): number {
    const character = this.#pattern[this.#at++]!;
    if (character === "\\") {
      this.#isForeign ||= /[1-9k]/.test(this.#pattern[this.#at] ?? "");
      this.#at++;
      return 1;
    }
    if (character === "[") {
      while (this.#pattern[this.#at] !== "]") this.#at += this.#pattern[this.#at] === "\\" ? 2 : 1;
      this.#at++;
      return 1;
    }
    if (character !== "(") return 1;
    const prefix = /^\?(?::|<[A-Za-z_$][\w$]*>|<?[=!])/.exec(this.#pattern.slice(this.#at))?.[0] ?? "";
    this.#isForeign ||= /[=!]$/.test(prefix);
    this.#at += prefix.length;
    const cost = this.#choice();
    this.#at++;
    return cost;
  }

  /** What stands behind an atom; once where nothing does. */
  #bounds(): Bounds {
    const found = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.#pattern.slice(this.#at));
    if (!found) return { least: 1, most: 1 };
    this.#at += found[0].length;
    const [, sign, least, comma, most] = found;
    if (sign === "*") return { least: 0, most: Infinity };
    if (sign === "+") return { least: 1, most: Infinity };
    if (sign === "?") return { least: 0, most: 1 };
    const from = Number(least);
    if (comma === undefined) return { least: from, most: from };
    return { least: from, most: most === "" ? Infinity : Number(most) };
  }
}

function repeated(atom: number, { least, most }: Bounds): number {
  const fixed = atom ** Math.min(most, least);
  if (most === least) return fixed;
  if (atom > 1 && most > 1) return most === Infinity ? Infinity : fixed * (atom + 1) ** (most - least);
  // An atom with one way: only how often it is there differs.
  return fixed * (most - least === 1 ? atom + 1 : Math.min(LOOP_COST, most - least + 1));
}
