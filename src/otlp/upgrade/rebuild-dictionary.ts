import { isUtf8 } from "node:buffer";
import { type AttributeValue, decodeValue, encodeValue } from "../attribute-value.ts";
import { DictionaryColumns } from "../profiles/dictionary-columns.ts";
import { BuildIdKind, type Dictionary } from "../profiles/model.ts";
import { halvesOf } from "../profiles/model-builder.ts";
import { StringTable } from "../string-table.ts";
import {
  FOLDED_BIT,
  frameTypeOfToday,
  GNU_BUILD_ID,
  HAS_ATTRIBUTES,
  HAS_BITS,
  HTLHASH,
  IS_FOLDED,
  OLD_BUILD_ID,
  OTHER_BUILD_ID,
} from "./legacy-names.ts";
import type { LossLog } from "./losses.ts";
import type { ReferenceResolver } from "./references.ts";
import { TableMap } from "./table-map.ts";

/** What happens to entries on the way. */
export interface RebuildOptions {
  /**
   * Fields that ended with D7 (`has_*`, `is_folded`; of E build ids and frame types too) become the attributes of
   * today, or the attributes `has_*` and `is_folded` become fields again.
   */
  readonly style: "as it is" | "attributes" | "fields";
  /** Makes references inside of attribute values literal; undefined where the layout has none. */
  readonly resolver: ReferenceResolver | undefined;
  /** A small part of the dictionary will be asked for: no memory for the rest. */
  readonly sparse?: boolean;
}

/**
 * Copies what is asked for from one dictionary to a new one: each method takes an index there and returns the one
 * here, 0 for the null element. Equal entries become one; what nobody asks for stays behind. `columns.view()` is the
 * new dictionary.
 */
export class DictionaryRebuilder {
  readonly columns: DictionaryColumns;
  readonly #from: Dictionary;
  readonly #losses: LossLog;
  readonly #options: RebuildOptions;
  readonly #strings: TableMap;
  readonly #attributes: TableMap;
  readonly #functions: TableMap;
  readonly #mappings: TableMap;
  readonly #locations: TableMap;
  readonly #stacks: TableMap;
  readonly #links: TableMap;
  readonly #texts = new Map<string, number>();
  /** Attributes made from strings of the old dictionary. */
  readonly #made = new Map<string, number>();
  /** For each string, the number of the owner that used it last as key of an attribute. */
  #keyOwners = new Int32Array(64);
  #owner = 0;

  constructor(from: Dictionary, losses: LossLog, options: RebuildOptions) {
    const columns = new DictionaryColumns(from.strings.source);
    columns.seed();
    this.columns = columns;
    this.#from = from;
    this.#losses = losses;
    this.#options = options;
    const { sparse = false } = options;
    this.#strings = new TableMap(from.strings.length, columns.strings, sparse);
    this.#attributes = new TableMap(from.attributes.length, columns.attributes, sparse);
    this.#functions = new TableMap(from.functions.length, columns.functions, sparse);
    this.#mappings = new TableMap(from.mappings.length, columns.mappings, sparse);
    this.#locations = new TableMap(from.locations.length, columns.locations, sparse);
    this.#stacks = new TableMap(from.stacks.length, columns.stacks, sparse);
    this.#links = new TableMap(from.links.length, columns.links, sparse);
  }

  string(index: number): number {
    const known = this.#strings.get(index);
    if (known >= 0) return known;
    const { strings } = this.columns;
    if (isUtf8(this.#from.strings.bytes(index))) strings.addFrom(this.#from.strings, index);
    else {
      this.#losses.add("invalid-utf8");
      strings.add(encoder.encode(this.#from.strings.text(index)));
    }
    return this.#strings.intern(index);
  }

  /** A string that is not in the old dictionary. */
  text(text: string): number {
    let index = this.#texts.get(text);
    if (index === undefined) {
      this.columns.strings.add(encoder.encode(text));
      this.#texts.set(text, (index = this.#strings.intern()));
    }
    return index;
  }

  attribute(index: number): number {
    const known = this.#attributes.get(index);
    if (known >= 0) return known;
    const { attributes: from } = this.#from;
    const key = this.#attributeKey(from.key[index]!);
    const unit = this.string(from.unit[index]!);
    const { attributes } = this.columns;
    attributes.push(key, unit, 0);
    const resolved = this.#options.resolver?.resolve(from.values.bytes(index), "anyValue");
    if (resolved) attributes.values.add(resolved);
    else attributes.values.addFrom(from.values, index);
    this.#forget(from.unknown, index);
    return this.#attributes.intern(index);
  }

  /** An attribute that is not in the old dictionary. `unit` is a string of this one. */
  newAttribute(key: string, value: AttributeValue, unit = 0): number {
    return this.#attribute(this.text(key), value, unit);
  }

  /** Begins a list of attributes whose keys must differ; then ask `isFirst` for each. */
  beginOwner(): void {
    this.#owner++;
  }

  /** Whether the key of an attribute of this dictionary is new to its owner. */
  isFirst(attribute: number): boolean {
    const key = this.columns.attributes.key.values[attribute]!;
    if (key >= this.#keyOwners.length) {
      const grown = new Int32Array(Math.max(key + 1, this.#keyOwners.length * 2));
      grown.set(this.#keyOwners);
      this.#keyOwners = grown;
    }
    if (this.#keyOwners[key] === this.#owner) return false;
    this.#keyOwners[key] = this.#owner;
    return true;
  }

  /**
   * What becomes of an attribute of a sample whose key the sample has already: pprof labels of one kind become a list,
   * everything else is dropped and counted.
   *
   * @param old the attribute in the old dictionary
   * @param repeated the same in this one
   * @param attributes those of the sample so far, changed in place
   */
  foldLabel(old: number, repeated: number, attributes: number[], losses: LossLog): void {
    const { key, unit, values } = this.columns.attributes;
    const at = attributes.findIndex((one) => key.values[one] === key.values[repeated]);
    const first = attributes[at]!;
    if (this.#from.attributes.label[old] === 1 && first !== repeated) {
      const known = decodeLabel(values.bytes(first));
      const value = decodeLabel(values.bytes(repeated));
      const kind = typeof (Array.isArray(known) ? known[0] : known);
      const full = Array.isArray(known) && known.length >= MAX_FOLDED_LABELS;
      if (typeof value === kind && !full) {
        const list = Array.isArray(known) ? [...(known as readonly AttributeValue[]), value] : [known, value];
        attributes[at] = this.#attribute(key.values[first]!, list, unit.values[first]!);
        return;
      }
      // Text beside a number: the text stays.
      if (typeof value === "string" && kind === "bigint") attributes[at] = repeated;
    }
    losses.add("duplicate-attribute");
  }

  function(index: number): number {
    const known = this.#functions.get(index);
    if (known >= 0) return known;
    const { functions: from } = this.#from;
    const name = this.string(from.name[index]!);
    const systemName = this.string(from.systemName[index]!);
    const filename = this.string(from.filename[index]!);
    const lines = halvesOf(from.startLine);
    this.columns.functions.push(name, systemName, filename, lines[index * 2]!, lines[index * 2 + 1]!);
    this.#forget(from.unknown, index);
    return this.#functions.intern(index);
  }

  mapping(index: number): number {
    const known = this.#mappings.get(index);
    if (known >= 0) return known;
    const { mappings: from } = this.#from;
    const { mappings } = this.columns;
    const modernize = this.#options.style === "attributes";
    const filename = this.string(from.filename[index]!);
    const buildId = modernize ? 0 : this.string(from.buildId[index]!);
    const added = modernize ? this.#mappingAttributes(index) : NONE;
    let has = modernize ? 0 : from.has[index]!;
    const bits = this.#list(from.attributes, index, mappings.attributes.values, added, HAS_BITS);
    if (bits !== 0) has |= bits;
    copyHalves(mappings.memoryStart, from.memoryStart, index);
    copyHalves(mappings.memoryLimit, from.memoryLimit, index);
    copyHalves(mappings.fileOffset, from.fileOffset, index);
    mappings.push(filename, has, buildId, modernize ? 0 : from.buildIdKind[index]!);
    this.#forget(from.unknown, index);
    return this.#mappings.intern(index);
  }

  location(index: number): number {
    const known = this.#locations.get(index);
    if (known >= 0) return known;
    const { locations: from } = this.#from;
    const { locations } = this.columns;
    const modernize = this.#options.style === "attributes";
    const mapping = this.mapping(from.mapping[index]!);
    const frameType = modernize ? 0 : this.string(from.frameType[index]!);
    const added = modernize ? this.#locationAttributes(index) : NONE;
    for (let line = from.lineOffsets[index]!; line < from.lineOffsets[index + 1]!; line++) {
      locations.lineFunction.push(this.function(from.lines.function[line]!));
      copyHalves(locations.lineLine, from.lines.line, line);
      copyHalves(locations.lineColumn, from.lines.column, line);
    }
    const bits = this.#list(from.attributes, index, locations.attributes.values, added, FOLDED_BIT);
    const halves = halvesOf(from.address);
    const folded = modernize ? 0 : from.folded[index]! | bits;
    locations.push(mapping, halves[index * 2]!, halves[index * 2 + 1]!, folded, frameType);
    this.#forget(from.unknown, index);
    return this.#locations.intern(index);
  }

  stack(index: number): number {
    const known = this.#stacks.get(index);
    if (known >= 0) return known;
    const { stacks: from } = this.#from;
    const { locations } = this.columns.stacks;
    for (let at = from.offsets[index]!; at < from.offsets[index + 1]!; at++) {
      locations.values.push(this.location(from.values[at]!));
    }
    locations.close();
    return this.#stacks.intern(index);
  }

  /** 0 for ids of another size than receivers take, which is counted, and for ids of zeros. */
  link(index: number): number {
    const known = this.#links.get(index);
    if (known >= 0) return known;
    const { links: from } = this.#from;
    const { links } = this.columns;
    const [trace, span] = [from.traceIds.bytes(index), from.spanIds.bytes(index)];
    const empty = isZero(trace) && isZero(span);
    if (empty || trace.length !== 16 || span.length !== 8) {
      if (!empty) this.#losses.add("link");
      return this.#links.set(index, 0);
    }
    links.traceIds.addFrom(from.traceIds, index);
    links.spanIds.addFrom(from.spanIds, index);
    this.#forget(from.unknown, index);
    return this.#links.intern(index);
  }

  #attribute(key: number, value: AttributeValue, unit: number): number {
    const { attributes } = this.columns;
    attributes.push(key, unit, 0);
    attributes.values.add(encodeValue(value));
    return this.#attributes.intern();
  }

  /**
   * Maps the attributes of an owner, each key once, and appends them with `added` to `to`. Where attributes become
   * fields again, those of `bits` that are true are left out: their bits are the result.
   */
  #list(
    from: { readonly offsets: Int32Array; readonly values: Int32Array },
    index: number,
    to: { push: (value: number) => void },
    added: readonly number[],
    bits: ReadonlyMap<string, number>,
  ): number {
    const start = from.offsets[index]!;
    const end = from.offsets[index + 1]!;
    if (start === end && added.length === 0) return 0;
    const toFields = this.#options.style === "fields";
    let found = 0;
    this.beginOwner();
    for (let at = start; at < end; at++) {
      const attribute = from.values[at]!;
      const bit = toFields ? bits.get(this.#from.strings.text(this.#from.attributes.key[attribute]!)) : undefined;
      if (bit !== undefined && this.#isTrue(attribute)) found |= bit;
      else this.#append(this.attribute(attribute), to);
    }
    for (const attribute of added) this.#append(attribute, to);
    return found;
  }

  /** Whether the value of an attribute is the bool true: field 2, a varint of 1. */
  #isTrue(attribute: number): boolean {
    const value = this.#from.attributes.values.bytes(attribute);
    return value.length === 2 && value[0] === 0x10 && value[1] === 1;
  }

  #append(attribute: number, to: { push: (value: number) => void }): void {
    if (attribute === 0) return;
    if (this.isFirst(attribute)) to.push(attribute);
    else this.#losses.add("duplicate-attribute");
  }

  #attributeKey(index: number): number {
    if (this.#options.style === "attributes" && this.#from.strings.size(index) === OLD_BUILD_ID.length) {
      if (this.#from.strings.text(index) === OLD_BUILD_ID) return this.text(HTLHASH);
    }
    return this.string(index);
  }

  #mappingAttributes(index: number): readonly number[] {
    const { mappings } = this.#from;
    const has = mappings.has[index]!;
    const added = HAS_ATTRIBUTES.filter(([bit]) => (has & bit) !== 0).map(([, key]) => this.newAttribute(key, true));
    const buildId = mappings.buildId[index]!;
    return buildId === 0 ? added : [...added, this.#buildIdAttribute(buildId, mappings.buildIdKind[index]!)];
  }

  /** Made once for each string, which may be long and used by many mappings. */
  #buildIdAttribute(string: number, kind: number): number {
    return this.#madeOnce(`build id ${string} ${kind}`, () => {
      const buildId = this.#from.strings.text(string);
      if (kind !== BuildIdKind.BINARY_HASH) return this.newAttribute(GNU_BUILD_ID, buildId);
      return this.newAttribute(/^[0-9a-f]{32}$/i.test(buildId) ? HTLHASH : OTHER_BUILD_ID, buildId);
    });
  }

  #locationAttributes(index: number): readonly number[] {
    const { locations, strings } = this.#from;
    const added: number[] = [];
    const type = locations.frameType[index]!;
    if (type !== 0) {
      const made = (): number => this.newAttribute("profile.frame.type", frameTypeOfToday(strings.text(type)));
      added.push(this.#madeOnce(`frame type ${type}`, made));
    }
    if (locations.folded[index] === 1) added.push(this.newAttribute(IS_FOLDED, true));
    return added;
  }

  #madeOnce(key: string, make: () => number): number {
    let made = this.#made.get(key);
    if (made === undefined) this.#made.set(key, (made = make()));
    return made;
  }

  #forget(unknown: ReadonlyMap<number, Uint8Array>, index: number): void {
    if (unknown.size > 0 && unknown.has(index)) this.#losses.add("unknown-fields");
  }
}

function copyHalves(
  to: { push: (low: number, high: number) => void },
  from: BigInt64Array | BigUint64Array,
  index: number,
): void {
  const halves = halvesOf(from);
  to.push(halves[index * 2]!, halves[index * 2 + 1]!);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Labels of one key in one sample at most; each one more copies the list. */
const MAX_FOLDED_LABELS = 64;

/** References were resolved when the value was copied. */
function decodeLabel(value: Uint8Array): AttributeValue {
  return decodeValue(value, 0, value.length, NO_STRINGS);
}

const NO_STRINGS = new StringTable();
const NONE: readonly number[] = [];
const encoder = new TextEncoder();
