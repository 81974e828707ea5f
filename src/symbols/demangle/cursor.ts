import { fail } from "./budget.ts";

/** A place in a mangled name. */
export class Cursor {
  readonly text: string;
  at: number;

  constructor(text: string, at: number) {
    this.text = text;
    this.at = at;
  }

  /** The next character, or one behind it; empty at the end. */
  peek(ahead = 0): string {
    return this.text[this.at + ahead] ?? "";
  }

  /** Steps over `expected` if it comes next. */
  take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  expect(expected: string): void {
    if (!this.take(expected)) fail();
  }

  /** Steps over one character. */
  next(): string {
    return this.text[this.at++] ?? fail();
  }

  isDigit(): boolean {
    const character = this.peek();
    return character >= "0" && character <= "9";
  }

  isLowerCase(): boolean {
    const character = this.peek();
    return character >= "a" && character <= "z";
  }

  /** A decimal number below 2^31. */
  number(): number {
    const start = this.at;
    while (this.isDigit()) this.at++;
    const value = Number(this.text.slice(start, this.at));
    return this.at === start || value > 0x7fffffff ? fail() : value;
  }

  /** As many characters as the number ahead of them says. */
  counted(): string {
    const length = this.number();
    const text = this.text.slice(this.at, this.at + length);
    if (length === 0 || text.length < length) fail();
    this.at += length;
    return text;
  }

  /** `_` is 0, `0_` is 1, `1_` is 2, and so on in the given radix with digits and capital letters. */
  sequence(radix: 10 | 36): number {
    if (this.take("_")) return 0;
    const digits = radix === 36 ? /[0-9A-Z]{1,6}_/y : /[0-9]{1,6}_/y;
    digits.lastIndex = this.at;
    const found = digits.exec(this.text)?.[0] ?? fail();
    this.at += found.length;
    return parseInt(found, radix) + 1;
  }
}
