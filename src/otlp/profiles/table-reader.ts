import { isUtf8 } from "node:buffer";
import { ParseError, Reader } from "#wire";
import type { DictionaryColumns } from "./dictionary-columns.ts";
import { EntryField, isKnown, layoutFields, roleOf, TableField, type FieldRoles, type LayoutFields } from "./fields.ts";
import type { Findings } from "./findings.ts";
import { Int32Column } from "./columns.ts";
import type { Layout } from "./layout.ts";
import { MappingHas } from "./model.ts";
import { pushInts } from "./packed.ts";
import { MAX_TABLE_ENTRIES } from "./tables.ts";

/** In raw tables: a reference that was not written. */
export const ABSENT = -0x80000000;

const HAS_BITS: Readonly<Record<number, number>> = {
  [EntryField.HAS_FUNCTIONS]: MappingHas.FUNCTIONS,
  [EntryField.HAS_FILENAMES]: MappingHas.FILENAMES,
  [EntryField.HAS_LINE_NUMBERS]: MappingHas.LINE_NUMBERS,
  [EntryField.HAS_INLINE_FRAMES]: MappingHas.INLINE_FRAMES,
};

/**
 * Reads table entries into columns as they are: indexes raw (-1 and other negative ones are out of any range),
 * references that were not written `ABSENT`. Entries come in any order of tables; `TableResolver` makes sense of them
 * when all were read. An entry that cannot be read stays as far as it went, with a finding.
 */
export class TableReader {
  readonly #columns: DictionaryColumns;
  readonly #findings: Findings;
  readonly #fields: LayoutFields;
  readonly #bytes: Uint8Array;
  /** Layout E has 64-bit indexes. */
  readonly #wide: boolean;
  readonly #entry = new Reader();
  readonly #inner = new Reader();
  /** Keys of attributes that are literal (up to D7): start and end by entry; -1 where none. */
  readonly keyRanges = new Int32Column();
  /** Pairs of key and unit (up to D7), both raw. */
  readonly units = new Int32Column();
  /** Whether strings begin with the empty one that `DictionaryColumns.seed` appends. */
  #firstString = true;
  /** Whether no entry of any table was read since the last `reset`. */
  isEmpty = true;

  constructor(bytes: Uint8Array, layout: Layout, columns: DictionaryColumns, findings: Findings) {
    this.#bytes = bytes;
    this.#columns = columns;
    this.#findings = findings;
    this.#fields = layoutFields(layout);
    this.#wide = layout === "E";
  }

  /** Begins with other tables, in the same columns. */
  reset(): void {
    this.keyRanges.length = this.units.length = 0;
    this.#firstString = this.isEmpty = true;
  }

  /**
   * Reads one entry, the LEN field that `outer` is at. False for a role that is no table.
   *
   * @param place path of the message that has the tables
   */
  read(role: number, outer: Reader, place: () => string): boolean | ParseError {
    const { start, end } = outer;
    this.isEmpty = false;
    const columns = this.#columns;
    switch (role) {
      case TableField.STRINGS:
        if (columns.strings.length > MAX_TABLE_ENTRIES) return tooMany("string_table");
        this.#string(start, end, place);
        return true;
      case TableField.FUNCTIONS:
        if (columns.functions.length > MAX_TABLE_ENTRIES) return tooMany("function_table");
        this.#function(start, end, place);
        return true;
      case TableField.MAPPINGS:
        if (columns.mappings.length > MAX_TABLE_ENTRIES) return tooMany("mapping_table");
        this.#mapping(start, end, place);
        return true;
      case TableField.LOCATIONS:
        if (columns.locations.length > MAX_TABLE_ENTRIES) return tooMany("location_table");
        this.#location(start, end, place);
        return true;
      case TableField.LINKS:
        if (columns.links.length > MAX_TABLE_ENTRIES) return tooMany("link_table");
        this.#link(start, end, place);
        return true;
      case TableField.ATTRIBUTES:
        if (columns.attributes.length > MAX_TABLE_ENTRIES) return tooMany("attribute_table");
        this.attribute(start, end, "attribute_table", place);
        return true;
      case TableField.ATTRIBUTE_UNITS:
        if (this.units.length > MAX_TABLE_ENTRIES) return tooMany("attribute_units");
        this.#unit(start, end, place);
        return true;
      case TableField.STACKS:
        if (columns.stacks.length > MAX_TABLE_ENTRIES) return tooMany("stack_table");
        this.#stack(start, end, place);
        return true;
      default:
        return false;
    }
  }

  /** Reads an attribute: a table entry, or a KeyValue that stands where it is used (up to D4). */
  attribute(start: number, end: number, table: string, place: () => string): void {
    const { attributes } = this.#columns;
    const reader = this.#entry;
    const fields = table === "attribute_table" ? this.#fields.attribute : this.#fields.keyValue;
    const index = attributes.length;
    let key = 0;
    let unit = 0;
    let keyStart = -1;
    let keyEnd = -1;
    let valueStart = 0;
    let valueEnd = 0;
    let pieces: Uint8Array[] | undefined;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      switch (roleOf(fields, reader.field, reader.wireType)) {
        case EntryField.KEY:
          key = reader.low;
          break;
        case EntryField.UNIT:
          unit = reader.low;
          break;
        case EntryField.LITERAL_KEY:
          keyStart = reader.start;
          keyEnd = reader.end;
          break;
        case EntryField.VALUE:
          // Pieces of one message are the message.
          if (valueEnd > valueStart) pieces ??= [this.#bytes.subarray(valueStart, valueEnd)];
          pieces?.push(this.#bytes.subarray(reader.start, reader.end));
          valueStart = reader.start;
          valueEnd = reader.end;
          break;
        default:
          this.#odd(reader, fields, attributes.unknown, index, table, place);
      }
    }
    this.#check(reader, table, index, place);
    attributes.push(key, unit, 0);
    if (pieces) attributes.values.add(Buffer.concat(pieces));
    else attributes.values.addRange(valueStart, valueEnd);
    this.keyRanges.push(keyStart);
    this.keyRanges.push(keyEnd);
  }

  #string(start: number, end: number, place: () => string): void {
    const { strings } = this.#columns;
    if (!this.#firstString) {
      const index = strings.addRange(start, end);
      if (!isText(this.#bytes, start, end)) {
        this.#findings.add("invalid-utf8", "string_table", start, () => `${place()}string_table[${index}]`);
      }
      return;
    }
    // Entry 0 was appended already, as every layout has the empty text there.
    this.#firstString = false;
    if (end > start) this.#findings.add("nonzero-sentinel", "string_table", start, () => `${place()}string_table[0]`);
  }

  #function(start: number, end: number, place: () => string): void {
    const { functions } = this.#columns;
    const reader = this.#entry;
    const fields = this.#fields.function;
    let name = 0;
    let systemName = 0;
    let filename = 0;
    let lineLow = 0;
    let lineHigh = 0;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      switch (roleOf(fields, reader.field, reader.wireType)) {
        case EntryField.NAME:
          name = this.#index(reader);
          break;
        case EntryField.SYSTEM_NAME:
          systemName = this.#index(reader);
          break;
        case EntryField.FILENAME:
          filename = this.#index(reader);
          break;
        case EntryField.START_LINE:
          lineLow = reader.low;
          lineHigh = reader.high;
          break;
        case EntryField.IGNORED:
          break;
        default:
          this.#odd(reader, fields, functions.unknown, functions.length, "function_table", place);
      }
    }
    this.#check(reader, "function_table", functions.length, place);
    functions.push(name, systemName, filename, lineLow, lineHigh);
  }

  #mapping(start: number, end: number, place: () => string): void {
    const { mappings } = this.#columns;
    const reader = this.#entry;
    const fields = this.#fields.mapping;
    const numbers = [0, 0, 0, 0, 0, 0];
    let filename = 0;
    let has = 0;
    let buildId = 0;
    let buildIdKind = 0;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(fields, reader.field, reader.wireType);
      switch (role) {
        case EntryField.MEMORY_START:
        case EntryField.MEMORY_LIMIT:
        case EntryField.FILE_OFFSET: {
          const at = (role - EntryField.MEMORY_START) * 2;
          numbers[at] = reader.low;
          numbers[at + 1] = reader.high;
          break;
        }
        case EntryField.FILENAME:
          filename = this.#index(reader);
          break;
        case EntryField.ATTRIBUTES:
          pushInts(reader, mappings.attributes.values, this.#wide);
          break;
        case EntryField.HAS_FUNCTIONS:
        case EntryField.HAS_FILENAMES:
        case EntryField.HAS_LINE_NUMBERS:
        case EntryField.HAS_INLINE_FRAMES: {
          const bit = HAS_BITS[role]!;
          has = reader.low !== 0 || reader.high !== 0 ? has | bit : has & ~bit;
          break;
        }
        case EntryField.BUILD_ID:
          buildId = this.#index(reader);
          break;
        case EntryField.BUILD_ID_KIND:
          buildIdKind = reader.low & 0xff;
          break;
        case EntryField.IGNORED:
          break;
        default:
          this.#odd(reader, fields, mappings.unknown, mappings.length, "mapping_table", place);
      }
    }
    this.#check(reader, "mapping_table", mappings.length, place);
    mappings.memoryStart.push(numbers[0]!, numbers[1]!);
    mappings.memoryLimit.push(numbers[2]!, numbers[3]!);
    mappings.fileOffset.push(numbers[4]!, numbers[5]!);
    mappings.push(filename, has, buildId, buildIdKind);
  }

  #location(start: number, end: number, place: () => string): void {
    const { locations } = this.#columns;
    const reader = this.#entry;
    const fields = this.#fields.location;
    let mapping = ABSENT;
    let low = 0;
    let high = 0;
    let folded = 0;
    let frameType = 0;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      switch (roleOf(fields, reader.field, reader.wireType)) {
        case EntryField.MAPPING:
          mapping = this.#index(reader);
          break;
        case EntryField.ADDRESS:
          low = reader.low;
          high = reader.high;
          break;
        case EntryField.LINES:
          this.#line(reader.start, reader.end, place);
          break;
        case EntryField.ATTRIBUTES:
          pushInts(reader, locations.attributes.values, this.#wide);
          break;
        case EntryField.FOLDED:
          folded = reader.low !== 0 || reader.high !== 0 ? 1 : 0;
          break;
        case EntryField.FRAME_TYPE:
          frameType = this.#index(reader);
          break;
        case EntryField.IGNORED:
          break;
        default:
          this.#odd(reader, fields, locations.unknown, locations.length, "location_table", place);
      }
    }
    this.#check(reader, "location_table", locations.length, place);
    locations.push(mapping, low, high, folded, frameType);
  }

  #line(start: number, end: number, place: () => string): void {
    const { locations } = this.#columns;
    const reader = this.#inner;
    let index = 0;
    let lineLow = 0;
    let lineHigh = 0;
    let columnLow = 0;
    let columnHigh = 0;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      switch (roleOf(this.#fields.line, reader.field, reader.wireType)) {
        case EntryField.FUNCTION:
          index = this.#index(reader);
          break;
        case EntryField.LINE:
          lineLow = reader.low;
          lineHigh = reader.high;
          break;
        case EntryField.COLUMN:
          columnLow = reader.low;
          columnHigh = reader.high;
          break;
        default:
          this.#odd(reader, this.#fields.line, locations.unknown, -1, "location_table", place);
      }
    }
    this.#check(reader, "location_table", locations.length, place);
    locations.lineFunction.push(index);
    locations.lineLine.push(lineLow, lineHigh);
    locations.lineColumn.push(columnLow, columnHigh);
  }

  #link(start: number, end: number, place: () => string): void {
    const { links } = this.#columns;
    const reader = this.#entry;
    const fields = this.#fields.link;
    const ids = [0, 0, 0, 0];
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(fields, reader.field, reader.wireType);
      if (role === EntryField.TRACE_ID || role === EntryField.SPAN_ID) {
        const at = role === EntryField.TRACE_ID ? 0 : 2;
        ids[at] = reader.start;
        ids[at + 1] = reader.end;
      } else this.#odd(reader, fields, links.unknown, links.length, "link_table", place);
    }
    this.#check(reader, "link_table", links.length, place);
    links.traceIds.addRange(ids[0]!, ids[1]!);
    links.spanIds.addRange(ids[2]!, ids[3]!);
  }

  #unit(start: number, end: number, place: () => string): void {
    const reader = this.#entry;
    const fields = this.#fields.attributeUnit;
    let key = 0;
    let unit = 0;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(fields, reader.field, reader.wireType);
      if (role === EntryField.KEY) key = this.#index(reader);
      else if (role === EntryField.UNIT) unit = this.#index(reader);
    }
    this.#check(reader, "attribute_units", this.units.length / 2, place);
    this.units.push(key);
    this.units.push(unit);
  }

  #stack(start: number, end: number, place: () => string): void {
    const { stacks } = this.#columns;
    const reader = this.#entry;
    const fields = this.#fields.stack;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(fields, reader.field, reader.wireType);
      if (role === EntryField.LOCATIONS) pushInts(reader, stacks.locations.values, false);
      else this.#odd(reader, fields, stacks.unknown, stacks.length, "stack_table", place);
    }
    // Half a stack would be another stack.
    if (reader.failed) stacks.locations.values.push(-1);
    this.#check(reader, "stack_table", stacks.length, place);
    stacks.locations.close();
  }

  #index(reader: Reader): number {
    return this.#wide && reader.high !== 0 ? -1 : reader.low;
  }

  /** A field without a role: unknown, or known and of a wire type it cannot have. */
  #odd(
    reader: Reader,
    fields: FieldRoles,
    unknown: Map<number, Uint8Array>,
    index: number,
    table: string,
    place: () => string,
  ): void {
    if (isKnown(fields, reader.field)) {
      const at = (): string => `${place()}${table}[${Math.max(0, index)}]`;
      this.#findings.add("wrong-wire-type", table, reader.fieldStart, at);
    } else if (index >= 0) {
      const joined = this.#findings.keepUnknown(unknown.get(index), reader);
      if (joined) unknown.set(index, joined);
    }
  }

  #check(reader: Reader, table: string, index: number, place: () => string): void {
    if (!reader.failed) return;
    this.#findings.add("malformed", table, reader.position, () => `${place()}${table}[${index}]`);
  }
}

/** Whether bytes are UTF-8. Nearly all strings are ASCII, which a loop tells faster than a call. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return isUtf8(bytes.subarray(at, end));
  return true;
}

function tooMany(table: string): ParseError {
  return new ParseError(`more than ${MAX_TABLE_ENTRIES} entries`, table);
}
