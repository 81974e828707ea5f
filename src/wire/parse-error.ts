/**
 * Why bytes could not be read. A value that functions on the intake path return instead of throwing: telling it apart
 * is `result instanceof ParseError`. Holds no stack and never the bytes themselves.
 */
export class ParseError {
  /** What is wrong and where, for the sender, e.g. `resource_profiles[3]: length 900 runs past the end`. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  /** The same error seen from the outside: `place` goes in front. */
  within(place: string): ParseError {
    // `a[1]` + `b: …` reads `a[1].b: …`; a message without a place of its own is set off by a colon.
    return new ParseError(`${place}${/^[a-z_]+(\[\d+\])?[.:]/.test(this.message) ? "." : ": "}${this.message}`);
  }
}
