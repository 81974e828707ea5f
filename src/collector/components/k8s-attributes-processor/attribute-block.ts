import { encodeAttribute, type ResourceView } from "#otlp";

/**
 * Names more than a configuration needs come from broad `key_regex` rules. Each costs a few nanoseconds a resource, so
 * there is a bound; what lies beyond is left out and counted.
 */
const MAX_NAMES = 2_000;

/** Numbers the attribute names that resources are asked for, in the order in which they turned up. */
export class AttributeNames {
  readonly #numbers = new Map<string, number>();

  /** The name's number, given now if it is new; -1 where there are too many. */
  number(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      if (this.#numbers.size >= MAX_NAMES) return -1;
      this.#numbers.set(name, (number = this.#numbers.size));
    }
    return number;
  }

  get size(): number {
    return this.#numbers.size;
  }

  /** All names by number. */
  list(): string[] {
    return [...this.#numbers.keys()];
  }
}

/**
 * The names that were added to the resource at hand, for resources that get attributes of several blocks: what the
 * first one gave is not given again.
 */
export class AddedNames {
  #marks = new Uint32Array(64);
  #resource = 1;

  /** Forgets what was added: another resource begins. */
  clear(): void {
    this.#resource = (this.#resource + 1) >>> 0 || 1;
  }

  has(name: number): boolean {
    return this.#marks[name] === this.#resource;
  }

  add(name: number): void {
    if (name >= this.#marks.length) {
      const grown = new Uint32Array(MAX_NAMES);
      grown.set(this.#marks);
      this.#marks = grown;
    }
    this.#marks[name] = this.#resource;
  }
}

/** Attributes encoded once, to be appended to any number of resources. */
export class AttributeBlock {
  readonly #bytes: Uint8Array;
  /** Number of each attribute's name, and where the attribute ends in the bytes. */
  readonly #names: readonly number[];
  readonly #ends: readonly number[];
  /** How many names a view must know for this block to be applied to it. */
  readonly namesNeeded: number;
  /** Attributes left out because there were too many names. */
  readonly dropped: number;

  constructor(attributes: Iterable<readonly [string, string | readonly string[]]>, names: AttributeNames) {
    const parts: Uint8Array[] = [];
    const numbers: number[] = [];
    const ends: number[] = [];
    let length = 0;
    let dropped = 0;
    for (const [name, value] of attributes) {
      const number = names.number(name);
      if (number < 0) {
        dropped++;
        continue;
      }
      const encoded = encodeAttribute(name, value);
      parts.push(encoded);
      numbers.push(number);
      ends.push((length += encoded.length));
    }
    this.#bytes = new Uint8Array(Buffer.concat(parts, length));
    this.#names = numbers;
    this.#ends = ends;
    this.namesNeeded = Math.max(-1, ...numbers) + 1;
    this.dropped = dropped;
  }

  /**
   * Adds what the resource lacks or has with an empty value. Neighbours that are added go in as one piece.
   *
   * @param added what other blocks gave to the resource; undefined where there is no other block
   */
  apply(resource: ResourceView, added?: AddedNames): void {
    const names = this.#names;
    const ends = this.#ends;
    let pieceStart = 0;
    let end = 0;
    for (let at = 0; at < names.length; at++) {
      const name = names[at]!;
      if (resource.nonEmpty(name) || added?.has(name) === true) {
        resource.append(this.#bytes, pieceStart, end);
        pieceStart = ends[at]!;
      } else {
        if (resource.present(name)) resource.remove(name);
        added?.add(name);
      }
      end = ends[at]!;
    }
    resource.append(this.#bytes, pieceStart, end);
  }
}
