import type { Dictionary } from "#otlp";
import type { Writer } from "#wire";
import { attributeKey, attributeValue, valueText } from "./attributes.ts";
import { Key } from "./conventions.ts";
import { FunctionField, LineField, LocationField, MappingField, ProfileField } from "./pprof-schema.ts";
import type { PprofStrings } from "./pprof-strings.ts";

/** Bits of `MappingTable.has`. */
const HAS = [
  [1, Key.HAS_FUNCTIONS, MappingField.HAS_FUNCTIONS],
  [2, Key.HAS_FILENAMES, MappingField.HAS_FILENAMES],
  [4, Key.HAS_LINE_NUMBERS, MappingField.HAS_LINE_NUMBERS],
  [8, Key.HAS_INLINE_FRAMES, MappingField.HAS_INLINE_FRAMES],
] as const;

/** Which of the attributes that may hold a build id to prefer. */
const BUILD_IDS: readonly string[] = [Key.BUILD_ID_GNU, Key.BUILD_ID_GO, Key.BUILD_ID_HTLHASH];

/**
 * The locations, mappings and functions that a pprof file uses. Ids are given when the tables are written, in the order
 * of the model's tables: the first mapping of a pprof file is its main binary.
 */
export class PprofTables {
  readonly #dictionary: Dictionary;
  readonly #strings: PprofStrings;
  /** Id of each location in the file; 0 is not used. */
  readonly #locations: Int32Array;
  readonly #functions: Int32Array;
  readonly #mappings: Int32Array;

  constructor(dictionary: Dictionary, strings: PprofStrings) {
    this.#dictionary = dictionary;
    this.#strings = strings;
    this.#locations = new Int32Array(dictionary.locations.length);
    this.#functions = new Int32Array(dictionary.functions.length);
    this.#mappings = new Int32Array(dictionary.mappings.length);
  }

  /** Finds out what the stacks use. Before `writeStack`. */
  use(stacks: Iterable<number>): void {
    const { locations, stacks: lists } = this.#dictionary;
    const seen = new Uint8Array(lists.length);
    for (const stack of stacks) {
      if (seen[stack] === 1) continue;
      seen[stack] = 1;
      for (let at = lists.offsets[stack]!; at < lists.offsets[stack + 1]!; at++) this.#locations[lists.values[at]!] = 1;
    }
    // Location 0 stands for none and can only be in a stack by mistake; it is kept, as an empty one.
    let id = 0;
    for (let at = 0; at < this.#locations.length; at++) {
      if (this.#locations[at] === 0) continue;
      this.#locations[at] = ++id;
      if (locations.mapping[at] !== 0) this.#mappings[locations.mapping[at]!] = 1;
      for (let line = locations.lineOffsets[at]!; line < locations.lineOffsets[at + 1]!; line++) {
        if (locations.lines.function[line] !== 0) this.#functions[locations.lines.function[line]!] = 1;
      }
    }
    for (const ids of [this.#mappings, this.#functions]) {
      id = 0;
      for (let at = 0; at < ids.length; at++) if (ids[at] !== 0) ids[at] = ++id;
    }
  }

  /** The ids of a stack's locations as a packed field, leaf first. */
  writeStack(writer: Writer, field: number, stack: number): void {
    const { offsets, values } = this.#dictionary.stacks;
    const end = offsets[stack + 1]!;
    if (offsets[stack] === end) return;
    writer.open(field);
    for (let at = offsets[stack]!; at < end; at++) writer.rawVarint(this.#locations[values[at]!]!);
    writer.close();
  }

  write(writer: Writer): void {
    this.#mappings.forEach((id, at) => {
      if (id !== 0) this.#writeMapping(writer, id, at);
    });
    this.#locations.forEach((id, at) => {
      if (id !== 0) this.#writeLocation(writer, id, at);
    });
    this.#functions.forEach((id, at) => {
      if (id !== 0) this.#writeFunction(writer, id, at);
    });
  }

  #writeMapping(writer: Writer, id: number, at: number): void {
    const { mappings } = this.#dictionary;
    const attributes = this.#attributesOf(mappings.attributes, at);
    writer.open(ProfileField.MAPPING);
    writer.varint(MappingField.ID, id);
    put64(writer, MappingField.MEMORY_START, mappings.memoryStart[at]!);
    put64(writer, MappingField.MEMORY_LIMIT, mappings.memoryLimit[at]!);
    put64(writer, MappingField.FILE_OFFSET, mappings.fileOffset[at]!);
    put(writer, MappingField.FILENAME, this.#strings.index(mappings.filename[at]!));
    let buildId = this.#strings.index(mappings.buildId[at]!);
    for (const key of BUILD_IDS) if (buildId === 0) buildId = this.#strings.text(attributes.get(key) ?? "");
    put(writer, MappingField.BUILD_ID, buildId);
    for (const [bit, key, field] of HAS) {
      if ((mappings.has[at]! & bit) !== 0 || attributes.get(key) === "true") writer.varint(field, 1);
    }
    writer.close();
  }

  #writeLocation(writer: Writer, id: number, at: number): void {
    const { locations } = this.#dictionary;
    const { lines } = locations;
    writer.open(ProfileField.LOCATION);
    writer.varint(LocationField.ID, id);
    put(writer, LocationField.MAPPING_ID, this.#mappings[locations.mapping[at]!]!);
    put64(writer, LocationField.ADDRESS, locations.address[at]!);
    for (let line = locations.lineOffsets[at]!; line < locations.lineOffsets[at + 1]!; line++) {
      writer.open(LocationField.LINE);
      put(writer, LineField.FUNCTION_ID, this.#functions[lines.function[line]!]!);
      put64(writer, LineField.LINE, lines.line[line]!);
      put64(writer, LineField.COLUMN, lines.column[line]!);
      writer.close();
    }
    const folded =
      locations.folded[at] === 1 || this.#attributesOf(locations.attributes, at).get(Key.IS_FOLDED) === "true";
    if (folded) writer.varint(LocationField.IS_FOLDED, 1);
    writer.close();
  }

  #writeFunction(writer: Writer, id: number, at: number): void {
    const { functions } = this.#dictionary;
    writer.open(ProfileField.FUNCTION);
    writer.varint(FunctionField.ID, id);
    put(writer, FunctionField.NAME, this.#strings.index(functions.name[at]!));
    put(writer, FunctionField.SYSTEM_NAME, this.#strings.index(functions.systemName[at]!));
    put(writer, FunctionField.FILENAME, this.#strings.index(functions.filename[at]!));
    put64(writer, FunctionField.START_LINE, functions.startLine[at]!);
    writer.close();
  }

  #attributesOf({ offsets, values }: Dictionary["stacks"], owner: number): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (let at = offsets[owner]!; at < offsets[owner + 1]!; at++) {
      const key = attributeKey(this.#dictionary, values[at]!);
      if (!found.has(key)) found.set(key, valueText(attributeValue(this.#dictionary, values[at]!)));
    }
    return found;
  }
}

/** proto3 leaves zeros out. */
function put(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.varint(field, value);
}

function put64(writer: Writer, field: number, value: bigint): void {
  if (value !== 0n) writer.varint64(field, value);
}
