/**
 * How to get from a frame to its caller's, as a row of call frame information says it. Kept as small integers, so that
 * rows with one meaning are one rule, however many functions share it.
 */

/** Forms of a value: what DWARF's expressions come down to in code that compilers, linkers and C libraries write. */
export const ValueForm = {
  /** `offset`. */
  Constant: 0,
  /** Register `base` + `offset`. */
  Register: 1,
  /** The word in memory at register `base` + `offset`, + `outer`. */
  Memory: 2,
} as const;

/** What became of a register. */
export const Restore = {
  /** Nobody knows its value in the caller. */
  Unknown: 0,
  /** In memory at CFA + `offset`. */
  AtCfa: 1,
  /** CFA + `offset`. */
  Cfa: 2,
  /** In memory at the value of a register or a word: `Restore.At + ValueForm`. */
  At: 4,
  /** That value itself: `Restore.Value + ValueForm`. */
  Value: 8,
} as const;

/** Properties of a frame, as bits. */
export const RuleFlag = {
  /** It has no caller: where programs and threads begin. */
  Root: 1,
  /** The kernel made it to deliver a signal: the caller was interrupted, not calling. */
  Signal: 2,
} as const;

/**
 * A rule as integers: flags; form, base, offset, outer of the canonical frame address; which register then holds the
 * return address; how many registers change; then for each of them register, `Restore`, base, offset, outer.
 */
export const RuleField = {
  FLAGS: 0,
  CFA_FORM: 1,
  CFA_BASE: 2,
  CFA_OFFSET: 3,
  CFA_OUTER: 4,
  RETURN: 5,
  COUNT: 6,
  FIRST: 7,
} as const;
export const RESTORE_FIELDS = 5;
/** Integers of the longest rule: a signal frame of arm64 restores 32 registers. */
export const MAX_RULE_FIELDS = RuleField.FIRST + 40 * RESTORE_FIELDS;

/** Distinct rules. A library has 180 to 580, most of them common to all. */
const MAX_RULES = 8192;
const INITIAL_FIELDS = 4096;

/** Rules, each kept once and known by its number. */
export class RuleTable {
  /** All rules one behind the other; `startOf` tells where one begins. */
  fields = new Int32Array(INITIAL_FIELDS);
  #used = 0;
  readonly #starts: number[] = [];
  readonly #numbers = new Map<string, number>();

  get size(): number {
    return this.#starts.length;
  }

  /** Whether `clear` is due before the next rule. */
  get isFull(): boolean {
    return this.#starts.length >= MAX_RULES;
  }

  /** Bytes held, about: the texts by which rules are found are of their length. */
  get memoryBytes(): number {
    return this.fields.byteLength + this.#used * 3 + this.#starts.length * 80;
  }

  /** Index in `fields` at which a rule begins. */
  startOf(rule: number): number {
    return this.#starts[rule]!;
  }

  /** The number of the rule that the first `count` integers are. */
  intern(rule: Int32Array, count: number): number {
    const content = rule.subarray(0, count);
    const key = content.join();
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#starts.length;
      while (this.#used + count > this.fields.length) {
        const grown = new Int32Array(this.fields.length * 2);
        grown.set(this.fields);
        this.fields = grown;
      }
      this.fields.set(content, this.#used);
      this.#starts.push(this.#used);
      this.#used += count;
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** Forgets all rules; their numbers are void. */
  clear(): void {
    this.#used = 0;
    this.#starts.length = 0;
    this.#numbers.clear();
  }
}
