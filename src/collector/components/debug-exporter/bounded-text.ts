/** Characters of one request's text: enough for dozens of resources, and no log is filled by one sender. */
const DEFAULT_LIMIT = 64 * 1024;
/** Characters of one line. */
const LONGEST_LINE = 1000;

/** Lines for people, indented, cut off at a limit. */
export class BoundedText {
  readonly #limit: number;
  #text = "";
  #full = false;

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  /** No further line will be taken: who writes many may stop. */
  get full(): boolean {
    return this.#full;
  }

  /** @param depth indentation in steps of two spaces */
  line(depth: number, text: string): void {
    if (this.#full) return;
    const shown = printable(
      text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}… (${text.length} characters)` : text,
    );
    if (this.#text.length + depth * 2 + shown.length >= this.#limit) {
      this.#full = true;
      this.#text += `… cut off after ${this.#limit} characters\n`;
      return;
    }
    this.#text += `${"  ".repeat(depth)}${shown}\n`;
  }

  /** All lines, without the last line's end. */
  toString(): string {
    return this.#text.trimEnd();
  }
}

/**
 * Control characters of telemetry must not reach a terminal: line ends and tabs inside a value become `\\n` and `\\t`,
 * the others a question mark in a diamond.
 */
function printable(text: string): string {
  return text
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\t", String.raw`\t`)
    .replaceAll(/\p{Cc}/gu, "\u{fffd}");
}
