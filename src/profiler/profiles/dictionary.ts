import type { SymbolFrame } from "#symbols";
import { IntList } from "#wire";
import { WordSet } from "../word-set.ts";

/** Kinds of attribute values. */
const STRING = 1;
const INTEGER = 2;

/** Entries of one table, and positions of all stacks, after which the dictionary asks to be begun anew. */
const MAX_ENTRIES = 1 << 14;
const MAX_STACK_POSITIONS = 1 << 18;
/** UTF-16 units of all strings. */
const MAX_TEXT = 1 << 20;

/** Why a location has no name, as long as it has none. */
export const Unnamed = {
  /** Its file's symbols don't tell, or were not read yet. */
  NoSymbol: 0,
  /** The process was gone before its mappings could be read. */
  ProcessGone: 1,
  /** In none of the process's mappings. */
  Unmapped: 2,
  /** In memory that is no file's. */
  Generated: 3,
  /** The kernel doesn't tell. */
  KernelHidden: 4,
} as const;

/** What stands for the location that is shown as long as it isn't known. */
const UNSETTLED = -1;

/** A mapped file as OTLP tells it: a range of the file's own virtual addresses. */
export interface MappingEntry {
  /** Virtual addresses that an ELF file gives itself, below 2^53. */
  readonly start: number;
  readonly limit: number;
  readonly fileOffset: number;
  readonly fileName: string;
  /** A list made with `attributeList`. */
  readonly attributes: number;
}

/**
 * Everything that profiles refer to, numbered once and kept from request to request: strings, functions, lines,
 * mappings, attributes, locations, stacks. Entry 0 of each is null. All numbers stay valid until `clear`, which the
 * owner calls between two requests when `isFull`: what is still in use is numbered again within a few intervals, and
 * nothing has to be traced for what isn't.
 *
 * Lists (of lines, of attributes) are chains of (value, rest), so that equal lists have one number.
 */
export class Dictionary {
  /** Grows with each `clear`: what keeps numbers of entries sees by it that they are void. */
  generation = 0;
  readonly strings: string[] = [""];
  readonly #stringIds = new Map<string, number>([["", 0]]);
  #textLength = 0;
  /** Name, system name, file name (strings), start line. */
  readonly functions = new WordSet(4);
  /** Function, line, the list of the callers that it was inlined into. */
  readonly lines = new WordSet(3);
  /** Key (string), kind, value (string or unsigned 32 bits). */
  readonly attributes = new WordSet(3);
  /** Attribute, rest. */
  readonly attributeLists = new WordSet(2);
  /** Start, limit, file offset (low and high halves), file name (string), attribute list. */
  readonly mappings = new WordSet(8);
  /** Mapping, address (low, high), and for what is known by name alone attribute list and line list. */
  readonly locations = new WordSet(5);
  readonly #linesOf = new IntList(1024);
  readonly #attributesOf = new IntList(1024);
  readonly #reasons = new IntList(1024);
  readonly #shownAs = new IntList(1024);
  /** Two hashes of the locations, and how many they are. */
  readonly #stackKeys = new WordSet(3);
  /** Where the locations of a stack begin in `stackPositions`. */
  readonly stackStarts = new IntList(1024);
  readonly stackPositions = new IntList(8192);

  constructor() {
    this.#begin();
  }

  /** Whether any table has reached its bound. They may still grow: the owner decides when to `clear`. */
  get isFull(): boolean {
    return (
      this.#stackKeys.size > MAX_ENTRIES ||
      this.stackPositions.length > MAX_STACK_POSITIONS ||
      this.locations.size > MAX_ENTRIES ||
      this.functions.size > MAX_ENTRIES ||
      this.strings.length > MAX_ENTRIES ||
      this.attributes.size > MAX_ENTRIES ||
      this.mappings.size > MAX_ENTRIES ||
      this.#textLength > MAX_TEXT
    );
  }

  get stackCount(): number {
    return this.#stackKeys.size;
  }

  string(text: string): number {
    let id = this.#stringIds.get(text);
    if (id === undefined) {
      id = this.strings.length;
      this.strings.push(text);
      this.#stringIds.set(text, id);
      this.#textLength += text.length;
    }
    return id;
  }

  function({ functionName, systemName, fileName, startLine }: SymbolFrame): number {
    const { key } = this.functions;
    key[0] = this.string(functionName);
    key[1] = systemName === undefined ? 0 : this.string(systemName);
    key[2] = fileName === undefined ? 0 : this.string(fileName);
    key[3] = startLine;
    return this.functions.intern();
  }

  /** The list of `frames`, which are one address: innermost first. */
  lineList(frames: readonly SymbolFrame[]): number {
    let list = 0;
    for (let at = frames.length - 1; at >= 0; at--) {
      const frame = frames[at]!;
      const id = this.function(frame);
      const { key } = this.lines;
      key[0] = id;
      key[1] = frame.line;
      key[2] = list;
      list = this.lines.intern();
    }
    return list;
  }

  /** Name of the function at the end of a list of lines: the one into which the others were inlined. */
  outermostName(list: number): string {
    let last = list;
    for (let rest = list; rest !== 0; rest = this.restOfLines(rest)) last = rest;
    return this.strings[this.functions.at(this.lines.at(last, 0), 0)]!;
  }

  /** The list behind the first line of one; 0, the empty list, at the end. */
  restOfLines(list: number): number {
    return restOf(this.lines, list, 2);
  }

  /** The list behind the first attribute of one; 0 at the end. */
  restOfAttributes(list: number): number {
    return restOf(this.attributeLists, list, 1);
  }

  textAttribute(key: string, value: string): number {
    return this.#attribute(key, STRING, this.string(value));
  }

  /** @param value non-negative; more than 32 bits are capped */
  integerAttribute(key: string, value: number): number {
    return this.#attribute(key, INTEGER, Math.min(value, 0xffff_ffff));
  }

  isText(attribute: number): boolean {
    return this.attributes.at(attribute, 1) === STRING;
  }

  /** `attribute` put before the list `rest`. */
  attributeList(attribute: number, rest: number): number {
    const { key } = this.attributeLists;
    key[0] = attribute;
    key[1] = rest;
    return this.attributeLists.intern();
  }

  mapping({ start, limit, fileOffset, fileName, attributes }: MappingEntry): number {
    const name = this.string(fileName);
    const { key } = this.mappings;
    putHalves(key, 0, start);
    putHalves(key, 2, limit);
    putHalves(key, 4, fileOffset);
    key[6] = name;
    key[7] = attributes;
    return this.mappings.intern();
  }

  /**
   * A location that is known by its address and may get names later: then `nameLocation`, `showAs` or `leaveUnnamed`
   * settle it. A new one has none, and the number `locationCount` had before.
   *
   * @param attributes a list made with `attributeList`
   * @param reason one of `Unnamed`
   */
  addressLocation(mapping: number, low: number, high: number, attributes: number, reason: number): number {
    const { key } = this.locations;
    key[0] = mapping;
    key[1] = low;
    key[2] = high;
    key[3] = key[4] = 0;
    const id = this.locations.intern();
    if (id === this.#linesOf.length) this.#addLocation(0, attributes, reason, UNSETTLED);
    return id;
  }

  /** A location that is known by its names alone: addresses of code that moves, or is the kernel's, tell nothing. */
  namedLocation(mapping: number, lines: number, attributes: number): number {
    const { key } = this.locations;
    key[0] = mapping;
    key[1] = key[2] = 0;
    key[3] = attributes;
    key[4] = lines;
    const id = this.locations.intern();
    if (id === this.#linesOf.length) this.#addLocation(lines, attributes, Unnamed.NoSymbol, id);
    return id;
  }

  get locationCount(): number {
    return this.#linesOf.length;
  }

  /** Names a location that is known by its address. */
  nameLocation(location: number, lines: number, attributes: number): void {
    this.#linesOf.set(location, lines);
    this.#attributesOf.set(location, attributes);
    this.#shownAs.set(location, location);
  }

  /** Has another location shown in the place of this one. */
  showAs(location: number, other: number): void {
    this.#shownAs.set(location, other);
  }

  /** Says that what waits for a name has none. */
  leaveUnnamed(location: number): void {
    this.#shownAs.set(location, location);
  }

  /** The location that requests show in its place: itself, as a rule. */
  shownLocation(location: number): number {
    const shown = this.#shownAs.at(location);
    return shown === UNSETTLED ? location : shown;
  }

  /** Whether it won't get a name, or another one, any more. */
  isSettled(location: number): boolean {
    return this.#shownAs.at(location) !== UNSETTLED;
  }

  /** The list of lines of a location; 0 as long as it has no name. */
  linesOf(location: number): number {
    return this.#linesOf.at(location);
  }

  attributesOf(location: number): number {
    return this.#attributesOf.at(location);
  }

  /** One of `Unnamed`, for a location without lines. */
  reasonOf(location: number): number {
    return this.#reasons.at(location);
  }

  /** The first location of a stack; 0 for the empty one. */
  leafOf(stack: number): number {
    const start = this.stackStarts.at(stack);
    return start < this.stackStarts.at(stack + 1) ? this.stackPositions.at(start) : 0;
  }

  /** The stack of `count` locations, leaf first. */
  stack(locations: Int32Array, count: number): number {
    const { key } = this.#stackKeys;
    let first = 0;
    let second = count;
    for (let at = 0; at < count; at++) {
      first = Math.imul(first ^ locations[at]!, 0x9e3779b1);
      first ^= first >>> 15;
      second = Math.imul(second ^ locations[at]!, 0x85ebca77);
      second ^= second >>> 13;
    }
    key[0] = first;
    key[1] = second;
    key[2] = count;
    const known = this.#stackKeys.size;
    const id = this.#stackKeys.intern();
    if (id < known) return id;
    for (let at = 0; at < count; at++) this.stackPositions.push(locations[at]!);
    this.stackStarts.push(this.stackPositions.length);
    return id;
  }

  /** Forgets everything; all numbers are void. */
  clear(): void {
    this.generation++;
    this.strings.length = 1;
    this.#stringIds.clear();
    this.#stringIds.set("", 0);
    this.#textLength = 0;
    this.functions.clear();
    this.lines.clear();
    this.attributes.clear();
    this.attributeLists.clear();
    this.mappings.clear();
    this.locations.clear();
    this.#linesOf.clear();
    this.#attributesOf.clear();
    this.#reasons.clear();
    this.#shownAs.clear();
    this.#stackKeys.clear();
    this.stackStarts.clear();
    this.stackPositions.clear();
    this.#begin();
  }

  /** Entry 0 of each table. */
  #begin(): void {
    for (const table of [
      this.functions,
      this.lines,
      this.attributes,
      this.attributeLists,
      this.mappings,
      this.locations,
      this.#stackKeys,
    ]) {
      table.key.fill(0);
      table.intern();
    }
    this.#addLocation(0, 0, Unnamed.NoSymbol, 0);
    this.stackStarts.push(0);
    this.stackStarts.push(0);
  }

  #attribute(name: string, kind: number, value: number): number {
    const { key } = this.attributes;
    key[0] = this.string(name);
    key[1] = kind;
    key[2] = value;
    return this.attributes.intern();
  }

  #addLocation(lines: number, attributes: number, reason: number, shownAs: number): void {
    this.#linesOf.push(lines);
    this.#attributesOf.push(attributes);
    this.#reasons.push(reason);
    this.#shownAs.push(shownAs);
  }
}

/**
 * What a chain goes on with. A list is made after its rest, so numbers fall towards the end: whatever doesn't, as of a
 * list that was forgotten meanwhile, ends here instead of going round.
 */
function restOf(lists: WordSet, list: number, word: number): number {
  const rest = lists.at(list, word);
  return rest < list && list < lists.size ? rest : 0;
}

function putHalves(key: Uint32Array, at: number, value: number): void {
  key[at] = value;
  key[at + 1] = Math.floor(value / 0x1_0000_0000);
}
