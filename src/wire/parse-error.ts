/**
 * Why bytes could not be read. A value that functions on the intake path return instead of throwing: telling it apart
 * is `result instanceof ParseError`. Holds no stack and never the bytes themselves.
 */
export class ParseError {
  /** What is wrong, e.g. `length 900 runs past the end`. */
  readonly problem: string;
  /** Path to the field that is wrong, e.g. `resource_profiles[3].scope_profiles[0]`; empty for the whole message. */
  readonly place: string;

  constructor(problem: string, place = "") {
    this.problem = problem;
    this.place = place;
  }

  /** Place and problem, for the sender: `resource_profiles[3].scope_profiles[0]: length 900 runs past the end`. */
  get message(): string {
    return this.place === "" ? this.problem : `${this.place}: ${this.problem}`;
  }

  /** The same error seen from one level further out: `outer` is the field it is in, or an index as `[3]`. */
  within(outer: string): ParseError {
    const separator = this.place === "" || this.place.startsWith("[") ? "" : ".";
    return new ParseError(this.problem, outer + separator + this.place);
  }
}
