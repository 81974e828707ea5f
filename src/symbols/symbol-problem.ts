/**
 * Why bytes could not be read as symbols. Returned, never thrown: files of containers are hostile. Telling it apart is
 * `result instanceof SymbolProblem`.
 */
export class SymbolProblem {
  /**
   * `unsupported`: well-formed, but nothing for us (another machine, 32 bits, no ELF file at all). `corrupt`: contradicts
   * itself or ends too early. `limit`: larger than we are willing to read.
   */
  readonly kind: "unsupported" | "corrupt" | "limit";
  /** What is wrong, with the offending value, e.g. `program header table at 4096 runs past the end (1024 bytes)`. */
  readonly detail: string;

  constructor(kind: SymbolProblem["kind"], detail: string) {
    this.kind = kind;
    this.detail = detail;
  }
}
