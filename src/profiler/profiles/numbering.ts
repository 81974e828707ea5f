import { IntList } from "#wire";

/**
 * Numbers the entries of a lasting table that one request uses, in the order in which they are first used. Number 0 is
 * the null element, which is entry 0.
 */
export class Numbering {
  /** Number in the request by entry; 0 as long as it isn't used. */
  #numbers = new Int32Array(1024);
  readonly #used = new IntList(256);

  /** How many entries are used, without the null element. */
  get count(): number {
    return this.#used.length;
  }

  /** The number of `entry`, which is used from now on. */
  use(entry: number): number {
    if (entry === 0) return 0;
    if (entry >= this.#numbers.length) this.#grow(entry);
    const number = this.#numbers[entry]!;
    if (number !== 0) return number;
    this.#used.push(entry);
    this.#numbers[entry] = this.#used.length;
    return this.#used.length;
  }

  /** The entry with a number from 1 to `count`. */
  entry(number: number): number {
    return this.#used.at(number - 1);
  }

  /** Begins the next request. */
  clear(): void {
    for (let at = 0; at < this.#used.length; at++) this.#numbers[this.#used.at(at)] = 0;
    this.#used.clear();
  }

  #grow(entry: number): void {
    const grown = new Int32Array(Math.max(entry + 1, this.#numbers.length * 2));
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}
