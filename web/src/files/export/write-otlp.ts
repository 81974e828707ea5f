import { Writer } from "#wire";
import type { FrameTable, StackTable } from "../../flame/index.ts";
import { SavedFrames, SavedTexts } from "./saved-frames.ts";
import type { SavedValues } from "./saved-values.ts";

/** Field numbers of profiles.proto and profiles_service.proto, opentelemetry-proto 1.10 (layout D10). */
const Request = { RESOURCES: 1, DICTIONARY: 2 } as const;
const Resource = { SCOPES: 2 } as const;
const Scope = { SCOPE: 1, PROFILES: 2 } as const;
const InstrumentationScope = { NAME: 1 } as const;
const Profile = { TYPE: 1, SAMPLES: 2, DURATION: 4 } as const;
const ValueType = { TYPE: 1, UNIT: 2 } as const;
const Sample = { STACK: 1, VALUES: 4 } as const;
const Table = {
  MAPPINGS: 1,
  LOCATIONS: 2,
  FUNCTIONS: 3,
  LINKS: 4,
  STRINGS: 5,
  ATTRIBUTES: 6,
  STACKS: 7,
} as const;
const Mapping = { FILENAME: 4 } as const;
const Location = { MAPPING: 1, LINES: 3, ATTRIBUTES: 4 } as const;
const Line = { FUNCTION: 1 } as const;
const Function = { NAME: 1, FILENAME: 3, START_LINE: 4 } as const;
const Attribute = { KEY: 1, VALUE: 2 } as const;
const AnyValue = { STRING: 1 } as const;
const Stack = { LOCATIONS: 1 } as const;

/**
 * An OTLP request of profiles (layout D10): one profile, of a comparison one for each selection. Element 0 of each table
 * is the null one, so frame i is location and function i + 1, and stack i is i + 1 as well.
 */
export function writeOtlp(stacks: StackTable, table: FrameTable, saved: readonly SavedValues[]): Uint8Array {
  const writer = new Writer(1 << 16);
  const texts = new SavedTexts(table.columns.strings);
  writer.open(Request.RESOURCES);
  writer.open(Resource.SCOPES);
  writer.open(Scope.SCOPE);
  writer.string(InstrumentationScope.NAME, "podflame");
  writer.close();
  for (const values of saved) writeProfile(writer, values, texts);
  writer.close();
  writer.close();
  writer.open(Request.DICTIONARY);
  const frames = new SavedFrames(table);
  writeStacks(writer, stacks, frames);
  writeFrames(writer, frames, texts);
  writer.open(Table.LINKS);
  writer.close();
  texts.write(writer, Table.STRINGS);
  writer.close();
  return writer.finish();
}

function writeProfile(writer: Writer, { type, unit, coveredMs, values }: SavedValues, texts: SavedTexts): void {
  writer.open(Scope.PROFILES);
  writer.open(Profile.TYPE);
  writer.varint(ValueType.TYPE, texts.of(type));
  writer.varint(ValueType.UNIT, texts.of(unit));
  writer.close();
  for (let stack = 0; stack < values.length; stack++) {
    if (values[stack] === 0) continue;
    writer.open(Profile.SAMPLES);
    writer.varint(Sample.STACK, stack + 1);
    writer.open(Sample.VALUES);
    writer.rawVarint(values[stack]!);
    writer.close();
    writer.close();
  }
  if (coveredMs !== undefined) writer.varint(Profile.DURATION, Math.round(coveredMs * 1e6));
  writer.close();
}

/** Leaf first, as OTLP has it. */
function writeStacks(writer: Writer, { length, offsets, frames: ids }: StackTable, frames: SavedFrames): void {
  writer.open(Table.STACKS);
  writer.close();
  for (let stack = 0; stack < length; stack++) {
    writer.open(Table.STACKS);
    writer.open(Stack.LOCATIONS);
    for (let at = offsets[stack + 1]! - 1; at >= offsets[stack]!; at--) writer.rawVarint(frames.number(ids[at]!) + 1);
    writer.close();
    writer.close();
  }
}

function writeFrames(writer: Writer, frames: SavedFrames, texts: SavedTexts): void {
  for (const nullOf of [Table.MAPPINGS, Table.LOCATIONS, Table.FUNCTIONS, Table.ATTRIBUTES]) {
    writer.open(nullOf);
    writer.close();
  }
  const mappings = new Map<number, number>();
  const types = new Map<string, number>();
  for (let number = 0; number < frames.length; number++) {
    const { name, file, line, mapping, type } = frames.entry(number, texts);
    if (mapping !== 0 && !mappings.has(mapping)) mappings.set(mapping, mappings.size + 1);
    if (type !== "" && !types.has(type)) types.set(type, types.size + 1);
    writer.open(Table.LOCATIONS);
    writer.varint(Location.MAPPING, mappings.get(mapping) ?? 0);
    writer.open(Location.LINES);
    writer.varint(Line.FUNCTION, number + 1);
    writer.close();
    if (type !== "") {
      writer.open(Location.ATTRIBUTES);
      writer.rawVarint(types.get(type)!);
      writer.close();
    }
    writer.close();
    writer.open(Table.FUNCTIONS);
    writer.varint(Function.NAME, name);
    writer.varint(Function.FILENAME, file);
    writer.varint(Function.START_LINE, line);
    writer.close();
  }
  for (const name of mappings.keys()) {
    writer.open(Table.MAPPINGS);
    writer.varint(Mapping.FILENAME, name);
    writer.close();
  }
  for (const type of types.keys()) {
    writer.open(Table.ATTRIBUTES);
    writer.varint(Attribute.KEY, texts.of("profile.frame.type"));
    writer.open(Attribute.VALUE);
    // What the conventions call a mark of an unwinder that gave up.
    writer.string(AnyValue.STRING, type === "truncated" ? "abort-marker" : type);
    writer.close();
    writer.close();
  }
}
