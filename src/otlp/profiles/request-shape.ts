import { decodeText, ParseError, Reader, WireType } from "#wire";
import { Refusal } from "./detection.ts";
import type { TableSizes } from "./sample-shape.ts";

/** Resources whose scopes are looked at for profiles. */
const RESOURCES = 4096;
/** Entries of the dictionary that are looked into to tell its kind. */
const ENTRIES = 4;
/** Keys are compared up to as many attributes. */
const KEYS = 4096;

/** Fields of the dictionary from D7 on. */
const LINKS = 4;
const STRINGS = 5;
const ATTRIBUTES = 6;
const SEVENTH = 7;

/** Keys that belong to locations and mappings, never to samples. */
const MISPLACED = /^(profile\.frame\.|process\.executable\.build_id\.|pprof\.location\.|pprof\.mapping\.)/;

/** The envelope of a request and its dictionary, as far as detection needs them. */
export class RequestShape {
  readonly #bytes: Uint8Array;
  /** Ranges of ResourceProfiles. */
  readonly #resources: number[] = [];
  /** Ranges of the dictionary's pieces. */
  readonly #dictionary: number[] = [];
  /** Tables of D6 at the top. */
  tablesAtTop = false;
  /** Bytes of the dictionary. */
  dictionarySize = 0;
  #sizes: TableSizes | undefined;
  #strings = -1;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Walks the top level. A refusal for what cannot be a request of profiles. */
  static of(bytes: Uint8Array): RequestShape | Refusal {
    const shape = new RequestShape(bytes);
    return shape.#top() ?? shape;
  }

  get hasDictionary(): boolean {
    return this.#dictionary.length > 0;
  }

  #top(): Refusal | undefined {
    const reader = new Reader();
    reader.reset(this.#bytes, 0, this.#bytes.length);
    while (reader.next()) {
      const { field, wireType, start, end } = reader;
      if (field > 8) continue;
      if (wireType !== WireType.LEN) return notOtlp(`wire type ${wireType} in field ${field}`);
      if (field === 1) this.#resources.push(start, end);
      else if (field === 2) {
        this.#dictionary.push(start, end);
        this.dictionarySize += end - start;
      } else this.tablesAtTop = true;
    }
    if (reader.failed) return malformed(reader);
    // D6's mappings: their own fields are numbers, a dictionary's are messages.
    if (!this.tablesAtTop) this.tablesAtTop = this.#dictionary.length > 0 && this.#isMapping();
    return undefined;
  }

  #isMapping(): boolean {
    const reader = new Reader();
    let numbers = 0;
    for (let at = 0; at < this.#dictionary.length && at < ENTRIES * 2; at += 2) {
      reader.reset(this.#bytes, this.#dictionary[at]!, this.#dictionary[at + 1]!);
      while (reader.next() && numbers === 0) if (reader.wireType === WireType.VARINT) numbers++;
    }
    return numbers > 0;
  }

  /**
   * Calls `use` with the range of each profile until it returns false. A refusal where the envelope is none.
   */
  eachProfile(use: (start: number, end: number) => boolean): Refusal | undefined {
    const resource = new Reader();
    const scope = new Reader();
    for (let at = 0; at < this.#resources.length && at < RESOURCES * 2; at += 2) {
      resource.reset(this.#bytes, this.#resources[at]!, this.#resources[at + 1]!);
      while (resource.next()) {
        if (resource.field > 3) continue;
        if (resource.wireType !== WireType.LEN) return notOtlp("ResourceProfiles of another message");
        if (resource.field !== 2) continue;
        scope.reset(this.#bytes, resource.start, resource.end);
        while (scope.next()) {
          if (scope.field > 3) continue;
          if (scope.wireType !== WireType.LEN) return notOtlp("ScopeProfiles of another message");
          if (scope.field === 2 && !use(scope.start, scope.end)) return undefined;
        }
        if (scope.failed) return malformed(scope);
      }
      if (resource.failed) return malformed(resource);
    }
    return undefined;
  }

  /** Whether attributes (6) and the seventh table look like those of D7 or of later layouts. */
  dictionaryKind(): { readonly attributes: "D7" | "D8" | undefined; readonly sevenths: "D7" | "D8" | undefined } {
    const attributes = this.#firstFields(ATTRIBUTES, (field, wireType) => {
      if (field === 1) return wireType === WireType.LEN ? "D7" : wireType === WireType.VARINT ? "D8" : undefined;
      return field === 3 && wireType === WireType.VARINT ? "D8" : undefined;
    });
    const sevenths = this.#firstFields(SEVENTH, (field, wireType) => {
      if (field === 2) return "D7";
      return field === 1 && wireType === WireType.LEN ? "D8" : undefined;
    });
    return { attributes, sevenths };
  }

  /** Whether the seventh table has any entry. */
  hasSeventh(): boolean {
    let found = false;
    this.#eachEntry(SEVENTH, () => {
      found = true;
      return false;
    });
    return found;
  }

  #firstFields(
    table: number,
    tell: (field: number, wireType: WireType) => "D7" | "D8" | undefined,
  ): "D7" | "D8" | undefined {
    const entry = new Reader();
    let looked = 0;
    let told: "D7" | "D8" | undefined;
    this.#eachEntry(table, (start, end) => {
      entry.reset(this.#bytes, start, end);
      while (told === undefined && entry.next()) told = tell(entry.field, entry.wireType);
      return told === undefined && ++looked < ENTRIES;
    });
    return told;
  }

  /** Calls `use` with the range of each entry of a dictionary's table until it returns false. */
  #eachEntry(table: number, use: (start: number, end: number) => boolean): void {
    const reader = new Reader();
    for (let at = 0; at < this.#dictionary.length; at += 2) {
      reader.reset(this.#bytes, this.#dictionary[at]!, this.#dictionary[at + 1]!);
      while (reader.nextOf(table)) if (!use(reader.start, reader.end)) return;
    }
  }

  #count(table: number): number {
    let count = 0;
    this.#eachEntry(table, () => {
      count++;
      return true;
    });
    return count;
  }

  /** Whether packed numbers at that range are all positions of strings. */
  areStrings(start: number, end: number): boolean {
    if (this.#strings < 0) this.#strings = this.#count(STRINGS);
    const reader = new Reader();
    reader.bytes = this.#bytes;
    reader.limit = reader.end = end;
    for (let at = start; at < end;) {
      at = reader.packedVarint(at);
      if (at < 0 || reader.high !== 0 || reader.low < 0 || reader.low >= this.#strings) return false;
    }
    return true;
  }

  /** Sizes and keys that indexes of samples are checked against. */
  tableSizes(): TableSizes {
    if (this.#sizes) return this.#sizes;
    const keys: number[] = [];
    const reader = new Reader();
    let attributes = 0;
    this.#eachEntry(ATTRIBUTES, (start, end) => {
      attributes++;
      if (keys.length < KEYS) {
        let key = 0;
        reader.reset(this.#bytes, start, end);
        while (reader.next()) if (reader.field === 1 && reader.wireType === WireType.VARINT) key = reader.low;
        keys.push(key);
      }
      return true;
    });
    let misplaced: Set<number> | undefined;
    this.#sizes = {
      attributes,
      links: this.#count(LINKS),
      keys: Int32Array.from(keys),
      misplaced: (attribute) => (misplaced ??= this.#misplaced(keys)).has(attribute),
    };
    return this.#sizes;
  }

  /** Attributes whose key says that they belong to a location or a mapping. */
  #misplaced(keys: readonly number[]): Set<number> {
    const wanted = new Set(keys);
    const found = new Set<number>();
    let index = 0;
    this.#eachEntry(STRINGS, (start, end) => {
      if (wanted.has(index) && end - start < 64 && MISPLACED.test(decodeText(this.#bytes, start, end)))
        found.add(index);
      index++;
      return true;
    });
    return new Set(keys.flatMap((key, attribute) => (found.has(key) ? [attribute] : [])));
  }

  /** Attributes that nothing refers to, under either numbering of samples. */
  orphans(samples: readonly number[], limit: number): { readonly a: number; readonly b: number } {
    const { attributes } = this.tableSizes();
    const count = Math.min(attributes, KEYS);
    const usedA = new Uint8Array(count);
    const usedB = new Uint8Array(count);
    const reader = new Reader();
    const mark = (used: Uint8Array): void => {
      if (reader.wireType === WireType.VARINT) used[reader.low] = 1;
      else if (reader.wireType === WireType.LEN) {
        for (let at = reader.start; at >= 0 && at < reader.end;) {
          at = reader.packedVarint(at);
          if (at >= 0) used[reader.low] = 1;
        }
      }
    };
    for (let at = 0; at < samples.length && at < limit * 2; at += 2) {
      reader.reset(this.#bytes, samples[at]!, samples[at + 1]!);
      while (reader.next()) {
        if (reader.field === 3) mark(usedA);
        else if (reader.field === 2) mark(usedB);
      }
    }
    const unused = (used: Uint8Array): number => used.reduce((sum, one) => sum + (one === 0 ? 1 : 0), 0);
    return { a: unused(usedA), b: unused(usedB) };
  }

  /** Whether the attributes of the first resources refer to strings, which is new in D10. */
  hasReferences(): boolean {
    const resource = new Reader();
    const attribute = new Reader();
    for (let at = 0; at < this.#resources.length && at < ENTRIES * 2; at += 2) {
      resource.reset(this.#bytes, this.#resources[at]!, this.#resources[at + 1]!);
      while (resource.nextOf(1)) {
        attribute.reset(this.#bytes, resource.start, resource.end);
        while (attribute.nextOf(1)) if (isReference(this.#bytes, attribute.start, attribute.end)) return true;
      }
    }
    return false;
  }
}

/** Whether a KeyValue has a key or a value by reference. */
function isReference(bytes: Uint8Array, start: number, end: number): boolean {
  const reader = new Reader();
  const value = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.field === 3 && reader.wireType === WireType.VARINT && reader.low !== 0) return true;
    if (reader.field !== 2 || reader.wireType !== WireType.LEN) continue;
    value.reset(bytes, reader.start, reader.end);
    while (value.next()) if (value.field === 8 && value.wireType === WireType.VARINT) return true;
  }
  return false;
}

function notOtlp(what: string): Refusal {
  return new Refusal("not-otlp", new ParseError(`no request of OTLP profiles: ${what}`));
}

function malformed(reader: Reader): Refusal {
  return new Refusal("malformed", new ParseError(`${reader.error().problem} (byte ${reader.position})`));
}
