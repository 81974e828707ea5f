import { Writer } from "#wire";
import {
  FunctionField,
  LineField,
  LocationField,
  MappingField,
  ProfileField,
  SampleField,
  ValueTypeField,
} from "../../../../src/formats/pprof-schema.ts";
import type { FrameTable, StackTable } from "../../flame/index.ts";
import { SavedFrames, SavedTexts } from "./saved-frames.ts";
import type { SavedValues } from "./saved-values.ts";

/** The mapping of kernel frames that have none, by which pprof readers tell them. */
const KERNEL_MAPPING = "[kernel.kallsyms]";

/**
 * A pprof file without compression. Each frame is a location and a function with the same id, as addresses aren't known
 * any more. A comparison's selections are two sample types.
 */
export function writePprof(stacks: StackTable, table: FrameTable, saved: readonly SavedValues[]): Uint8Array {
  const { length, offsets, frames: ids } = stacks;
  const frames = new SavedFrames(table);
  const texts = new SavedTexts(table.columns.strings);
  const writer = new Writer(1 << 16);
  for (const { type, unit } of saved) {
    writer.open(ProfileField.SAMPLE_TYPE);
    writer.varint(ValueTypeField.TYPE, texts.of(type));
    writer.varint(ValueTypeField.UNIT, texts.of(unit));
    writer.close();
  }
  for (let stack = 0; stack < length; stack++) {
    writer.open(ProfileField.SAMPLE);
    writer.open(SampleField.LOCATION_ID);
    for (let at = offsets[stack + 1]! - 1; at >= offsets[stack]!; at--) writer.rawVarint(frames.number(ids[at]!) + 1);
    writer.close();
    writer.open(SampleField.VALUE);
    for (const { values } of saved) writer.rawVarint(values[stack]!);
    writer.close();
    writer.close();
  }
  writeFrames(writer, frames, texts);
  const { coveredMs } = saved[0]!;
  if (coveredMs !== undefined) writer.varint(ProfileField.DURATION_NANOS, Math.round(coveredMs * 1e6));
  // Else pprof shows the last type first.
  writer.varint(ProfileField.DEFAULT_SAMPLE_TYPE, texts.of(saved[0]!.type));
  texts.write(writer, ProfileField.STRING_TABLE);
  return writer.finish();
}

function writeFrames(writer: Writer, frames: SavedFrames, texts: SavedTexts): void {
  const mappings = new Map<number, number>();
  for (let number = 0; number < frames.length; number++) {
    const id = number + 1;
    const { name, file, line, mapping, type } = frames.entry(number, texts);
    const mapped = mapping === 0 && type === "kernel" ? texts.of(KERNEL_MAPPING) : mapping;
    if (mapped !== 0 && !mappings.has(mapped)) mappings.set(mapped, mappings.size + 1);
    writer.open(ProfileField.LOCATION);
    writer.varint(LocationField.ID, id);
    writer.varint(LocationField.MAPPING_ID, mappings.get(mapped) ?? 0);
    writer.open(LocationField.LINE);
    writer.varint(LineField.FUNCTION_ID, id);
    writer.close();
    writer.close();
    writer.open(ProfileField.FUNCTION);
    writer.varint(FunctionField.ID, id);
    writer.varint(FunctionField.NAME, name);
    writer.varint(FunctionField.FILENAME, file);
    writer.varint(FunctionField.START_LINE, line);
    writer.close();
  }
  for (const [name, id] of mappings) {
    writer.open(ProfileField.MAPPING);
    writer.varint(MappingField.ID, id);
    writer.varint(MappingField.FILENAME, name);
    // Names are known: pprof is not to look for symbols.
    writer.varint(MappingField.HAS_FUNCTIONS, 1);
    writer.close();
  }
}
