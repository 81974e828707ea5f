import { WireType, type Writer } from "#wire";
import type { Dictionary, IndexLists } from "../profiles/model.ts";
import { halvesOf } from "../profiles/model-builder.ts";
import type { LossLog } from "./losses.ts";
import type { ReferenceResolver } from "./references.ts";
import type { WireNumbers } from "./wire-numbers.ts";

/** How a dictionary is written. */
export interface TableContext {
  readonly writer: Writer;
  readonly numbers: WireNumbers;
  readonly losses: LossLog;
  /** Makes references inside of attribute values literal; undefined: they stay. */
  readonly resolver: ReferenceResolver | undefined;
  /** The layout is the one that the model was read from, so that unknown fields mean there what they meant here. */
  readonly keepUnknown: boolean;
  /** Bytes of both ids of link 0; 1.10 has it empty, 1.11 prefers zeros. */
  readonly zeroLink: "empty" | "zeros";
}

/** Writes every table, null element first, as fields of the message that is open. */
export function writeTables(context: TableContext, dictionary: Dictionary): void {
  writeMappings(context, dictionary);
  writeLocations(context, dictionary);
  writeFunctions(context, dictionary);
  writeLinks(context, dictionary);
  const { strings } = dictionary;
  for (let at = 0; at < strings.length; at++) context.writer.bytes(context.numbers.tables.strings, strings.bytes(at));
  if (context.numbers.keyValueAndUnit) writeAttributes(context, dictionary);
  else writeKeyValues(context, dictionary);
  if (context.numbers.tables.stacks !== 0) writeStacks(context, dictionary.stacks);
}

/** A varint field of a number that is not negative, left out when 0 or unknown to the layout. */
export function writeIndex(writer: Writer, field: number, value: number): void {
  if (value !== 0 && field !== 0) writer.varint(field, value);
}

/** A 64-bit varint field by its halves, left out when 0. */
export function writeHalves(writer: Writer, field: number, halves: Int32Array, at: number): void {
  const low = halves[at * 2]!;
  const high = halves[at * 2 + 1]!;
  if ((low | high) === 0) return;
  writer.tag(field, WireType.VARINT);
  writer.rawVarintHalves(low, high);
}

/** Packed varints `values[start, end)`, left out when there are none. */
export function writePacked(writer: Writer, field: number, values: Int32Array, start: number, end: number): void {
  if (start === end || field === 0) return;
  writer.open(field);
  for (let at = start; at < end; at++) writer.rawVarint(values[at]!);
  writer.close();
}

function writeList(writer: Writer, field: number, lists: IndexLists, list: number): void {
  writePacked(writer, field, lists.values, lists.offsets[list]!, lists.offsets[list + 1]!);
}

function close(context: TableContext, unknown: ReadonlyMap<number, Uint8Array>, at: number): void {
  const fields = unknown.size > 0 ? unknown.get(at) : undefined;
  if (fields && context.keepUnknown) context.writer.raw(fields);
  else if (fields) context.losses.add("unknown-fields");
  context.writer.close();
}

function writeMappings(context: TableContext, { mappings }: Dictionary): void {
  const { writer, numbers } = context;
  const field = numbers.mapping;
  const starts = halvesOf(mappings.memoryStart);
  const limits = halvesOf(mappings.memoryLimit);
  const offsets = halvesOf(mappings.fileOffset);
  for (let at = 0; at < mappings.length; at++) {
    writer.open(numbers.tables.mappings);
    writeHalves(writer, field.memoryStart, starts, at);
    writeHalves(writer, field.memoryLimit, limits, at);
    writeHalves(writer, field.fileOffset, offsets, at);
    writeIndex(writer, field.filename, mappings.filename[at]!);
    writeIndex(writer, field.buildId, mappings.buildId[at]!);
    writeIndex(writer, field.buildIdKind, mappings.buildIdKind[at]!);
    writeList(writer, field.attributes, mappings.attributes, at);
    field.has.forEach((number, bit) => writeIndex(writer, number, (mappings.has[at]! >> bit) & 1));
    close(context, mappings.unknown, at);
  }
}

function writeLocations(context: TableContext, { locations }: Dictionary): void {
  const { writer, numbers } = context;
  const field = numbers.location;
  const addresses = halvesOf(locations.address);
  const lines = halvesOf(locations.lines.line);
  const columns = halvesOf(locations.lines.column);
  for (let at = 0; at < locations.length; at++) {
    writer.open(numbers.tables.locations);
    writeIndex(writer, field.mapping, locations.mapping[at]!);
    writeHalves(writer, field.address, addresses, at);
    for (let line = locations.lineOffsets[at]!; line < locations.lineOffsets[at + 1]!; line++) {
      writer.open(field.lines);
      writeIndex(writer, numbers.line.function, locations.lines.function[line]!);
      writeHalves(writer, numbers.line.line, lines, line);
      writeHalves(writer, numbers.line.column, columns, line);
      writer.close();
    }
    writeIndex(writer, field.folded, locations.folded[at]!);
    writeIndex(writer, field.frameType, locations.frameType[at]!);
    writeList(writer, field.attributes, locations.attributes, at);
    close(context, locations.unknown, at);
  }
}

function writeFunctions(context: TableContext, { functions }: Dictionary): void {
  const { writer, numbers } = context;
  const startLines = halvesOf(functions.startLine);
  for (let at = 0; at < functions.length; at++) {
    writer.open(numbers.tables.functions);
    writeIndex(writer, numbers.function.name, functions.name[at]!);
    writeIndex(writer, numbers.function.systemName, functions.systemName[at]!);
    writeIndex(writer, numbers.function.filename, functions.filename[at]!);
    writeHalves(writer, numbers.function.startLine, startLines, at);
    close(context, functions.unknown, at);
  }
}

/** Receivers refuse the whole request for an id of another size, so those are left out: links to them are dropped. */
function writeLinks(context: TableContext, { links }: Dictionary): void {
  const { writer, numbers } = context;
  for (let at = 0; at < links.length; at++) {
    writer.open(numbers.tables.links);
    if (at === 0 && context.zeroLink === "zeros") {
      writer.bytes(1, new Uint8Array(16));
      writer.bytes(2, new Uint8Array(8));
    } else {
      if (links.traceIds.size(at) > 0) writer.bytes(1, links.traceIds.bytes(at));
      if (links.spanIds.size(at) > 0) writer.bytes(2, links.spanIds.bytes(at));
    }
    close(context, links.unknown, at);
  }
}

/** From D8 on: key and unit by string index. */
function writeAttributes(context: TableContext, { attributes }: Dictionary): void {
  const { writer, numbers } = context;
  for (let at = 0; at < attributes.length; at++) {
    writer.open(numbers.tables.attributes);
    writeIndex(writer, 1, attributes.key[at]!);
    writeValue(context, attributes.values.bytes(at));
    writeIndex(writer, 3, attributes.unit[at]!);
    close(context, attributes.unknown, at);
  }
}

/** Up to D7: literal keys, and units by key in a table of their own. Labels of E become attributes, as good there. */
function writeKeyValues(context: TableContext, { attributes, strings }: Dictionary): void {
  const { writer, numbers } = context;
  const unitOf = new Map<number, number>();
  for (let at = 0; at < attributes.length; at++) {
    const key = attributes.key[at]!;
    writer.open(numbers.tables.attributes);
    if (key !== 0) writer.bytes(1, strings.bytes(key));
    writeValue(context, attributes.values.bytes(at));
    const unit = unitOf.get(key);
    if (unit === undefined) unitOf.set(key, attributes.unit[at]!);
    else if (unit !== attributes.unit[at]!) context.losses.add("conflicting-unit");
    close(context, attributes.unknown, at);
  }
  for (const [key, unit] of unitOf) {
    if (unit === 0) continue;
    writer.open(numbers.tables.units);
    writeIndex(writer, numbers.attributeUnit.key, key);
    writeIndex(writer, numbers.attributeUnit.unit, unit);
    writer.close();
  }
}

function writeValue({ writer, resolver }: TableContext, value: Uint8Array): void {
  if (value.length > 0) writer.bytes(2, resolver ? resolver.resolve(value, "anyValue") : value);
}

function writeStacks({ writer, numbers }: TableContext, stacks: IndexLists): void {
  for (let at = 0; at < stacks.length; at++) {
    writer.open(numbers.tables.stacks);
    writeList(writer, 1, stacks, at);
    writer.close();
  }
}
