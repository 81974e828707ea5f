/**
 * The samples of a pprof file: a stack, a set of labels, and a value for each type. Asking for the same stack and
 * labels again gives the same row, so that types meet and profiles add up; only within one profile a repetition gets a
 * row of its own, so that a file keeps its lines.
 */
export class PprofRows {
  /** First row of stack and labels. */
  readonly #rows = new Map<number, number>();
  readonly #stacks: number[] = [];
  readonly #labels: number[] = [];
  /** The next row of the same stack and labels; -1 is none. */
  readonly #next: number[] = [];
  /** The profile that asked for the row last. */
  readonly #askedBy: number[] = [];
  readonly #values: BigInt64Array[] = [];
  #profile = 0;

  get length(): number {
    return this.#stacks.length;
  }

  get columns(): number {
    return this.#values.length;
  }

  addColumn(): number {
    return this.#values.push(new BigInt64Array(Math.max(16, this.length))) - 1;
  }

  nextProfile(): void {
    this.#profile++;
  }

  row(stack: number, labels: number): number {
    // Both are below 2^26, so that the key is exact.
    const key = stack * 2 ** 26 + labels;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#append(stack, labels);
      this.#rows.set(key, row);
    }
    while (this.#askedBy[row] === this.#profile) {
      if (this.#next[row]! < 0) {
        const appended = this.#append(stack, labels);
        this.#next[row] = appended;
      }
      row = this.#next[row]!;
    }
    this.#askedBy[row] = this.#profile;
    return row;
  }

  add(row: number, column: number, value: bigint): void {
    let values = this.#values[column]!;
    if (row >= values.length) {
      const grown = new BigInt64Array(Math.max(row + 1, values.length * 2));
      grown.set(values);
      this.#values[column] = values = grown;
    }
    values[row]! += value;
  }

  /** The stack of each row. */
  stacks(): readonly number[] {
    return this.#stacks;
  }

  stack(row: number): number {
    return this.#stacks[row]!;
  }

  labels(row: number): number {
    return this.#labels[row]!;
  }

  value(row: number, column: number): bigint {
    return this.#values[column]![row] ?? 0n;
  }

  #append(stack: number, labels: number): number {
    this.#stacks.push(stack);
    this.#labels.push(labels);
    this.#next.push(-1);
    this.#askedBy.push(0);
    return this.#stacks.length - 1;
  }
}
