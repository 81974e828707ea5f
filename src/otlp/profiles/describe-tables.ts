import { decodeAnyValue, type TypedValue } from "./any-value.ts";
import { BuildIdKind, MappingHas, type Dictionary } from "./model.ts";

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

const BUILD_ID = "process.executable.build_id.";
const FRAME_TYPE = "profile.frame.type";
const IS_FOLDED = "pprof.location.is_folded";
const HAS = "pprof.mapping.has_";

/** Names of `MappingHas`, as in the attributes that later layouts have instead. */
const FLAGS: readonly (readonly [number, string])[] = [
  [MappingHas.FUNCTIONS, "functions"],
  [MappingHas.FILENAMES, "filenames"],
  [MappingHas.LINE_NUMBERS, "line_numbers"],
  [MappingHas.INLINE_FRAMES, "inline_frames"],
];

/** Frame types of layout E in today's spelling. */
const FRAME_TYPES: Readonly<Record<string, string>> = { python: "cpython", v8: "v8js", phpjit: "php" };

/**
 * Tells entries of a dictionary by their content: what is asked for gets a position, in order of first use, and equal
 * entries the same one, whatever their indexes.
 */
export class TableDescriber {
  readonly mappings: JsonObject[] = [];
  readonly frames: JsonObject[] = [];
  readonly stacks: (readonly number[])[] = [];
  readonly #dictionary: Dictionary;
  readonly #attributes = new Map<number, JsonObject>();
  readonly #sets = new Map<string, Identified<readonly JsonObject[]>>();
  readonly #setIdentities = new Map<string, number>();
  readonly #links = new Map<number, Identified<JsonObject | null>>();
  readonly #linkIdentities = new Map<string, number>();
  readonly #byIndex = {
    mappings: new Map<number, number>(),
    frames: new Map<number, number>(),
    stacks: new Map<number, number>(),
  };
  readonly #byContent = {
    mappings: new Map<string, number>(),
    frames: new Map<string, number>(),
    stacks: new Map<string, number>(),
  };

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** One attribute with its unit. */
  attribute(index: number): JsonObject {
    let told = this.#attributes.get(index);
    if (told) return told;
    const { attributes, strings } = this.#dictionary;
    const value = jsonOfValue(decodeAnyValue(attributes.values.bytes(index), strings));
    const unit = strings.text(attributes.unit[index]!);
    told = { key: strings.text(attributes.key[index]!), ...value, ...(unit !== "" && { unit }) };
    this.#attributes.set(index, told);
    return told;
  }

  /** Attributes by index, sorted by key. */
  attributeList(indexes: ArrayLike<number>): readonly JsonObject[] {
    return sortByKey(Array.from(indexes, (index) => this.attribute(index)));
  }

  /** The same with a number that equal lists share. */
  attributeSet(indexes: Int32Array): Identified<readonly JsonObject[]> {
    const key = indexes.join();
    let found = this.#sets.get(key);
    if (!found) this.#sets.set(key, (found = identified(this.attributeList(indexes), this.#setIdentities)));
    return found;
  }

  /** Trace and span, null for none, with a number that equal links share. */
  link(index: number): Identified<JsonObject | null> {
    let found = this.#links.get(index);
    if (!found) this.#links.set(index, (found = identified(this.#link(index), this.#linkIdentities)));
    return found;
  }

  /** Position of a stack. */
  stack(index: number): number {
    const known = this.#byIndex.stacks.get(index);
    if (known !== undefined) return known;
    const { stacks } = this.#dictionary;
    const locations = stacks.values.subarray(stacks.offsets[index], stacks.offsets[index + 1]);
    const frames = Array.from(locations, (location) => this.#frame(location));
    return place(this.#byIndex.stacks, this.#byContent.stacks, index, frames, this.stacks);
  }

  #link(index: number): JsonObject | null {
    const { links } = this.#dictionary;
    const traceId = Buffer.from(links.traceIds.bytes(index)).toString("hex");
    const spanId = Buffer.from(links.spanIds.bytes(index)).toString("hex");
    return /^0*$/.test(traceId + spanId) ? null : { traceId, spanId };
  }

  #frame(index: number): number {
    const known = this.#byIndex.frames.get(index);
    if (known !== undefined) return known;
    const { locations, strings } = this.#dictionary;
    let type = frameType(strings.text(locations.frameType[index]!));
    let folded = locations.folded[index] === 1;
    const attributes: JsonObject[] = [];
    for (const attribute of this.#listOf(locations.attributes, index)) {
      if (attribute["key"] === FRAME_TYPE && typeof attribute["string"] === "string") type = attribute["string"];
      else if (attribute["key"] === IS_FOLDED && attribute["bool"] === true) folded = true;
      else attributes.push(attribute);
    }
    const lines: JsonObject[] = [];
    for (let line = locations.lineOffsets[index]!; line < locations.lineOffsets[index + 1]!; line++) {
      lines.push(this.#line(line));
    }
    const mapping = this.#mapping(locations.mapping[index]!);
    const address = String(locations.address[index]!);
    const frame = { address, attributes: sortByKey(attributes), folded, lines, mapping, type };
    return place(this.#byIndex.frames, this.#byContent.frames, index, frame, this.frames);
  }

  #line(index: number): JsonObject {
    const { functions, locations, strings } = this.#dictionary;
    const { lines } = locations;
    const called = lines.function[index]!;
    return {
      column: String(lines.column[index]!),
      file: strings.text(functions.filename[called]!),
      function: strings.text(functions.name[called]!),
      line: String(lines.line[index]!),
      startLine: String(functions.startLine[called]!),
      systemName: strings.text(functions.systemName[called]!),
    };
  }

  #mapping(index: number): number | null {
    if (index === 0) return null;
    const known = this.#byIndex.mappings.get(index);
    if (known !== undefined) return known;
    const { mappings, strings } = this.#dictionary;
    const buildIds: Record<string, string> = {};
    const buildId = strings.text(mappings.buildId[index]!);
    if (buildId !== "") buildIds[mappings.buildIdKind[index] === BuildIdKind.BINARY_HASH ? "htlhash" : "gnu"] = buildId;
    let has = mappings.has[index]!;
    const attributes: JsonObject[] = [];
    for (const attribute of this.#listOf(mappings.attributes, index)) {
      const key = attribute["key"] as string;
      const flag = key.startsWith(HAS) ? FLAGS.find(([, name]) => key === HAS + name) : undefined;
      if (key.startsWith(BUILD_ID) && typeof attribute["string"] === "string") {
        const kind = key.slice(BUILD_ID.length);
        buildIds[kind === "profiling" ? "htlhash" : kind] = attribute["string"];
      } else if (flag && typeof attribute["bool"] === "boolean") has |= attribute["bool"] ? flag[0] : 0;
      else attributes.push(attribute);
    }
    const mapping = {
      attributes: sortByKey(attributes),
      buildIds,
      file: strings.text(mappings.filename[index]!),
      has: FLAGS.filter(([bit]) => (has & bit) !== 0).map(([, name]) => name),
      limit: String(mappings.memoryLimit[index]!),
      offset: String(mappings.fileOffset[index]!),
      start: String(mappings.memoryStart[index]!),
    };
    return place(this.#byIndex.mappings, this.#byContent.mappings, index, mapping, this.mappings);
  }

  #listOf(lists: Dictionary["stacks"], index: number): readonly JsonObject[] {
    return Array.from(lists.values.subarray(lists.offsets[index], lists.offsets[index + 1]), (at) =>
      this.attribute(at),
    );
  }
}

/** A content with a number that equal ones share. */
export interface Identified<T> {
  readonly content: T;
  readonly identity: number;
}

function identified<T extends Json>(content: T, identities: Map<string, number>): Identified<T> {
  const key = JSON.stringify(content);
  let identity = identities.get(key);
  if (identity === undefined) identities.set(key, (identity = identities.size));
  return { content, identity };
}

/** Finds the position of a content, appending it when it is new. */
function place<T extends Json>(
  byIndex: Map<number, number>,
  byContent: Map<string, number>,
  index: number,
  content: T,
  list: T[],
): number {
  const key = JSON.stringify(content);
  let position = byContent.get(key);
  if (position === undefined) {
    position = list.push(content) - 1;
    byContent.set(key, position);
  }
  byIndex.set(index, position);
  return position;
}

function frameType(sent: string): string {
  const type = sent.endsWith("-error") ? sent.slice(0, -"-error".length) : sent;
  return FRAME_TYPES[type] ?? type;
}

/** A value as the member of an object named after its kind. */
export function jsonOfValue(typed: TypedValue): JsonObject {
  switch (typed.kind) {
    case "empty":
      return { empty: true };
    case "string":
      return { string: typed.value };
    case "bool":
      return { bool: typed.value };
    case "int":
      return { int: String(typed.value) };
    case "double":
      return { double: Number.isFinite(typed.value) ? typed.value : String(typed.value) };
    case "bytes":
      return { bytes: Buffer.from(typed.value).toString("base64") };
    case "array":
      return { array: typed.value.map(jsonOfValue) };
    case "kvlist":
      return { kvlist: typed.value.map(({ key, value }) => ({ key, ...jsonOfValue(value) })) };
  }
}

/** Sorts attributes by key, in order of code points; equal keys stay in their order. */
export function sortByKey(attributes: readonly JsonObject[]): readonly JsonObject[] {
  return attributes.toSorted((a, b) => compareText(a["key"] as string, b["key"] as string));
}

/** Order of code points, which is that of UTF-8 bytes; UTF-16 units would put U+FFxx behind emoji. */
function compareText(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    const [high, low] = [left >= 0xd800 && left < 0xe000, right >= 0xd800 && right < 0xe000];
    return high === low ? left - right : high ? 1 : -1;
  }
  return a.length - b.length;
}
