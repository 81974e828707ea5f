import type { Layout } from "#otlp";
import { Reader, WireType } from "#wire";

/** What the bytes of a request go to. */
export const PARTS = [
  "strings",
  "attributes",
  "functions",
  "mappings",
  "locations",
  "stacks",
  "links",
  "units",
  "samples",
  "resources",
  "rest",
] as const;
export type Part = (typeof PARTS)[number];
export type PartSizes = Readonly<Record<Part, number>>;

/** Numbers of the fields that hold tables, by layout (opentelemetry-proto 1.3 to 1.11). */
type Fields = Readonly<Record<number, Part>>;

const DICTIONARY_D7: Fields = {
  1: "mappings",
  2: "locations",
  3: "functions",
  4: "links",
  5: "strings",
  6: "attributes",
  7: "units",
};
const DICTIONARY: Fields = { ...DICTIONARY_D7, 7: "stacks" };
const REQUEST_D6: Fields = {
  2: "mappings",
  3: "locations",
  4: "functions",
  5: "links",
  6: "strings",
  7: "attributes",
  8: "units",
};
const PROFILE_E: Fields = {
  2: "samples",
  3: "mappings",
  4: "locations",
  5: "functions",
  6: "strings",
  15: "stacks",
  16: "attributes",
  17: "units",
  18: "links",
};
const PROFILE_D4: Fields = {
  2: "samples",
  3: "mappings",
  4: "locations",
  5: "stacks",
  6: "functions",
  7: "attributes",
  8: "units",
  9: "links",
  10: "strings",
};
const PROFILE_D6: Fields = { 2: "samples", 3: "stacks" };
const PROFILE: Fields = { 2: "samples" };

const PROFILE_FIELDS: Readonly<Record<Layout, Fields>> = {
  E: PROFILE_E,
  D4: PROFILE_D4,
  D5: PROFILE_D4,
  D6: PROFILE_D6,
  D7: PROFILE_D6,
  D8: PROFILE,
  D9: PROFILE,
  D10: PROFILE,
};

/** The highest number of a field above. */
const HIGHEST_FIELD = 18;

/** ProfileContainer.profile of layout E. */
const NESTED_PROFILE = 8;

/** How the bytes of a protobuf request go to tables, samples, resources with scopes, and the rest. Their sum is its size. */
export function partSizes(bytes: Uint8Array, layout: Layout): PartSizes {
  const sizes = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  const reader = new Reader();
  const byField = new Float64Array(HIGHEST_FIELD + 1);
  const add = (start: number, end: number, fields: Fields): void => {
    byField.fill(0);
    reader.reset(bytes, start, end);
    while (reader.next()) {
      const { field } = reader;
      if (field <= HIGHEST_FIELD && reader.wireType === WireType.LEN) {
        byField[field]! += reader.position - reader.fieldStart;
      }
    }
    for (const [field, part] of Object.entries(fields)) sizes[part] += byField[Number(field)]!;
  };
  const addProfile = (start: number, end: number): void => {
    if (layout !== "E") return add(start, end, PROFILE_FIELDS[layout]);
    for (const [from, to] of fieldsOf(bytes, start, end, NESTED_PROFILE)) add(from, to, PROFILE_E);
    return undefined;
  };
  const addContext = (start: number, end: number): void => {
    for (const [from, to] of fieldsOf(bytes, start, end, 1)) sizes.resources += to - from;
  };
  for (const [start, end] of fieldsOf(bytes, 0, bytes.length, 1)) {
    addContext(start, end);
    for (const [scopeStart, scopeEnd] of fieldsOf(bytes, start, end, 2)) {
      addContext(scopeStart, scopeEnd);
      for (const [from, to] of fieldsOf(bytes, scopeStart, scopeEnd, 2)) addProfile(from, to);
    }
  }
  if (layout === "D6") add(0, bytes.length, REQUEST_D6);
  else if (layout !== "E" && layout !== "D4" && layout !== "D5") {
    for (const [start, end] of fieldsOf(bytes, 0, bytes.length, 2)) {
      add(start, end, layout === "D7" ? DICTIONARY_D7 : DICTIONARY);
    }
  }
  const known = PARTS.reduce((sum, part) => sum + sizes[part], 0);
  return { ...sizes, rest: bytes.length - known };
}

/** Start and end of the content of each length-delimited field of that number. */
function* fieldsOf(bytes: Uint8Array, start: number, end: number, field: number): Generator<readonly [number, number]> {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.nextOf(field)) yield [reader.start, reader.end];
}
