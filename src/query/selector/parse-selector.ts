import { compileMatcher, type Matcher, type Selector } from "#store";
import { QueryError } from "../query-error.ts";

/** Longer queries are a mistake, or worse. */
const MAX_LENGTH = 16 << 10;
const MAX_MATCHERS = 64;

const NAME = /[a-zA-Z_][a-zA-Z0-9_.]*/y;
const OPERATOR = /=~|!~|!=|=/y;
const SPACE = /[ \t\r\n]*/y;
const NUMBER_ESCAPE = /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})/y;
/** Escapes of Go's string literals, which are those of PromQL. */
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * Reads a selector as Prometheus writes them: `{namespace="shop", workload_name=~"cart.*"}`. The braces may be left out,
 * dots in names become underscores (`k8s.pod.name`), and nothing selects everything.
 * @throws QueryError "invalid" with the position
 */
export function parseSelector(text: string): Selector {
  return new SelectorParser(text).parse();
}

class SelectorParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Selector {
    if (this.#text.length > MAX_LENGTH) throw this.#error(`is longer than ${MAX_LENGTH} characters`);
    const matchers: Matcher[] = [];
    this.#space();
    const isBraced = this.#take("{");
    this.#space();
    while (this.#at < this.#text.length && this.#text[this.#at] !== "}") {
      if (matchers.length === MAX_MATCHERS) throw this.#error(`has more than ${MAX_MATCHERS} matchers`);
      matchers.push(this.#matcher());
      this.#space();
      if (!this.#take(",")) break;
      this.#space();
    }
    if (isBraced && !this.#take("}")) throw this.#error("lacks a comma or the closing brace");
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("goes on where it should end");
    return matchers;
  }

  #matcher(): Matcher {
    const name = this.#match(NAME);
    if (name === undefined) throw this.#error("lacks the name of a label");
    this.#space();
    const op = this.#match(OPERATOR) as Matcher["op"] | undefined;
    if (op === undefined) throw this.#error("lacks one of = != =~ !~");
    this.#space();
    const value = this.#string();
    const matcher = { name: name.replaceAll(".", "_"), op, value };
    this.#check(matcher);
    return matcher;
  }

  /** The store would refuse it as well, but without saying how it is done. */
  #check(matcher: Matcher): void {
    try {
      compileMatcher(matcher);
    } catch (error) {
      const { message } = error as Error;
      const remedy = "Labels are matched by expressions as Prometheus has them, e.g. cart-.*|checkout.";
      throw new QueryError("invalid", message, remedy, { cause: error });
    }
  }

  #string(): string {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'" && quote !== "`") throw this.#error("lacks a value in quotes");
    this.#at++;
    let value = "";
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) throw this.#error("lacks the closing quote");
      this.#at++;
      if (character === quote) return value;
      value += character === "\\" && quote !== "`" ? this.#escape() : character;
    }
  }

  #escape(): string {
    const number = this.#match(NUMBER_ESCAPE);
    if (number !== undefined) {
      const code = /^[0-7]/.test(number) ? Number.parseInt(number, 8) : Number.parseInt(number.slice(1), 16);
      if (code > 0x10ffff) throw this.#error("has an escape that is no character");
      return String.fromCodePoint(code);
    }
    const escaped = ESCAPES[this.#text[this.#at] ?? ""];
    if (escaped === undefined) throw this.#error("has an unknown escape");
    this.#at++;
    return escaped;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(what: string): QueryError {
    return new QueryError(
      "invalid",
      `the query ${what} (at character ${this.#at + 1}): ${this.#text.slice(0, 200)}`,
      'Write it as {namespace="shop", pod=~"cart-.*"}.',
    );
  }
}
