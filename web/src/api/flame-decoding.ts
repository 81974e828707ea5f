import { type FlameMeasure, FlameTree, FrameTable, REMAINDER_FRAME, ROOT_FRAME, StringBlock } from "../flame/index.ts";

/** Why bytes are no flame graph: what fails, and where. */
export class FlameFormatError extends Error {
  override readonly name = "FlameFormatError";
}

/** `PFG1`, little endian. */
const MAGIC = 0x31474650;
/** Nodes that are accepted: the server sends some ten thousand. */
const MAX_NODES = 32 << 20;
const MAX_FRAMES = 16 << 20;

/** What the header says; the rest of it is of no use here. */
interface Header {
  readonly type: string;
  readonly unit: string;
  readonly cores: boolean;
  readonly coverage: unknown;
  readonly otherCoverage: unknown;
  readonly omitted: number;
  readonly nodes: number;
  readonly frames: number;
  readonly strings: number;
  readonly columns: readonly { readonly name: string; readonly bytes: number }[];
}

/** A graph from the server with the coverage that came with it. */
export interface DecodedFlame {
  readonly tree: FlameTree;
  /** As in the JSON form (`Coverage` of the API). */
  readonly coverage: unknown;
  readonly otherCoverage: unknown;
}

/**
 * Decodes `flamegraph?format=binary` and `diff`: magic, length of the header, header as JSON, columns of varints.
 * Whatever bytes are given, the answer is a sound tree or an error.
 */
export function decodeFlame(buffer: ArrayBuffer | Uint8Array): DecodedFlame | FlameFormatError {
  const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof FlameFormatError) return error;
    return new FlameFormatError("the flame graph could not be decoded", { cause: error });
  }
}

function decode(bytes: Uint8Array): DecodedFlame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) {
    throw new FlameFormatError("the answer is no flame graph: it doesn't begin with PFG1");
  }
  const headerBytes = view.getUint32(4, true);
  if (headerBytes > bytes.length - 8) throw new FlameFormatError("the flame graph ends inside its header");
  const header = readHeader(bytes.subarray(8, 8 + headerBytes));
  const columns = new Columns(bytes, 8 + headerBytes, header);
  const childCounts = columns.integers("children", header.nodes);
  const frame = columns.integers("frame", header.nodes);
  for (let node = 0; node < frame.length; node++) {
    const own = (frame[node]! += REMAINDER_FRAME);
    if (own >= header.frames || (own === ROOT_FRAME) !== (node === 0)) {
      throw new FlameFormatError(`node ${node} of the flame graph has frame ${own} of ${header.frames}`);
    }
  }
  const strings = columns.strings(header.strings);
  const text = (name: string): Uint32Array => columns.indexes(name, header.frames, header.strings);
  const frames = new FrameTable({
    strings,
    name: text("frameName"),
    file: text("frameFile"),
    type: text("frameType"),
    mapping: text("frameMapping"),
    line: columns.indexes("frameLine", header.frames, 2 ** 32),
  });
  const { coverage, otherCoverage } = header;
  const measure: FlameMeasure = {
    type: header.type,
    unit: header.unit,
    coveredMs: header.cores ? coveredMs(coverage) : undefined,
    otherCoveredMs: header.cores ? coveredMs(otherCoverage) : undefined,
    omitted: header.omitted,
  };
  const tree = new FlameTree(
    {
      measure,
      frame,
      firstChild: firstChildren(childCounts),
      total: columns.doubles("total", header.nodes),
      other: columns.has("other") ? columns.doubles("other", header.nodes) : undefined,
    },
    frames,
  );
  return { tree, coverage, otherCoverage };
}

function readHeader(bytes: Uint8Array): Header {
  let header: Partial<Record<keyof Header, unknown>>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes)) as typeof header;
  } catch (cause) {
    throw new FlameFormatError("the header of the flame graph is no JSON", { cause });
  }
  const { type, unit, columns } = header;
  const count = (key: "nodes" | "frames" | "strings" | "omitted", most: number): number => {
    const value = header[key];
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw new FlameFormatError(`the flame graph's header says ${key}: ${JSON.stringify(value)}`);
  };
  const nodes = count("nodes", MAX_NODES);
  if (nodes === 0) throw new FlameFormatError("the flame graph has no root");
  if (!Array.isArray(columns)) throw new FlameFormatError("the header of the flame graph names no columns");
  return {
    type: typeof type === "string" ? type : "",
    unit: typeof unit === "string" ? unit : "",
    cores: header.cores === true,
    coverage: header.coverage,
    otherCoverage: header.otherCoverage,
    omitted: count("omitted", Number.MAX_SAFE_INTEGER),
    nodes,
    frames: count("frames", MAX_FRAMES),
    strings: count("strings", MAX_FRAMES),
    columns: columns.map((column: { name?: unknown; bytes?: unknown } | null) => {
      if (typeof column?.name === "string" && typeof column.bytes === "number") {
        return { name: column.name, bytes: column.bytes };
      }
      throw new FlameFormatError("the header of the flame graph has a column without name or size");
    }),
  };
}

/** The columns behind the header. */
class Columns {
  readonly #bytes: Uint8Array;
  readonly #ranges = new Map<string, { readonly start: number; readonly end: number }>();

  constructor(bytes: Uint8Array, start: number, { columns }: Header) {
    this.#bytes = bytes;
    let at = start;
    for (const { name, bytes: size } of columns) {
      if (!Number.isInteger(size) || size < 0 || size > bytes.length - at) {
        throw new FlameFormatError(`the flame graph ends inside its column ${name}`);
      }
      this.#ranges.set(name, { start: at, end: at + size });
      at += size;
    }
  }

  has(name: string): boolean {
    return this.#ranges.has(name);
  }

  /** A column of non-negative integers below 2³¹. */
  integers(name: string, count: number): Int32Array {
    const values = new Int32Array(count);
    this.#read(name, count, (at, value) => {
      if (value > 0x7fffffff) throw new FlameFormatError(`column ${name} of the flame graph holds ${value}`);
      values[at] = value;
    });
    return values;
  }

  doubles(name: string, count: number): Float64Array {
    const values = new Float64Array(count);
    this.#read(name, count, (at, value) => {
      values[at] = value;
    });
    return values;
  }

  /** A column of integers below `limit`, which is at most 2³². */
  indexes(name: string, count: number, limit: number): Uint32Array {
    const values = new Uint32Array(count);
    this.#read(name, count, (at, value) => {
      if (value >= limit) throw new FlameFormatError(`column ${name} of the flame graph holds ${value} of ${limit}`);
      values[at] = value;
    });
    return values;
  }

  strings(count: number): StringBlock {
    const { start, end } = this.#range("stringBytes");
    const offsets = new Uint32Array(count + 1);
    this.#read("stringLengths", count, (at, length) => {
      const next = offsets[at]! + length;
      if (next > end - start) throw new FlameFormatError("the strings of the flame graph are longer than their bytes");
      offsets[at + 1] = next;
    });
    return new StringBlock(this.#bytes.slice(start, end), offsets);
  }

  #range(name: string): { readonly start: number; readonly end: number } {
    const range = this.#ranges.get(name);
    if (!range) throw new FlameFormatError(`the flame graph has no column ${name}`);
    return range;
  }

  /** Exactly `count` varints below 2⁵³. */
  #read(name: string, count: number, use: (at: number, value: number) => void): void {
    const bytes = this.#bytes;
    const { start, end } = this.#range(name);
    let position = start;
    for (let at = 0; at < count; at++) {
      let value = 0;
      let factor = 1;
      for (;;) {
        if (position === end) throw new FlameFormatError(`column ${name} of the flame graph ends at entry ${at}`);
        const byte = bytes[position++]!;
        value += (byte & 0x7f) * factor;
        if (byte < 0x80) break;
        factor *= 0x80;
        if (factor > 2 ** 49) throw new FlameFormatError(`column ${name} of the flame graph has a number too large`);
      }
      if (value > Number.MAX_SAFE_INTEGER) {
        throw new FlameFormatError(`column ${name} of the flame graph has a number too large`);
      }
      use(at, value);
    }
    if (position !== end) throw new FlameFormatError(`column ${name} of the flame graph is longer than it says`);
  }
}

/** Where children begin; every node but the root must be somebody's child, and come behind its parent. */
export function firstChildren(counts: ArrayLike<number>): Int32Array {
  const first = new Int32Array(counts.length + 1);
  first[0] = 1;
  for (let node = 0; node < counts.length; node++) {
    const next = first[node]! + counts[node]!;
    if (next > counts.length || (next === node + 1 && next < counts.length)) {
      throw new FlameFormatError(`the children of node ${node} of the flame graph do not exist`);
    }
    first[node + 1] = next;
  }
  if (first[counts.length] !== counts.length) throw new FlameFormatError("nodes of the flame graph have no parent");
  return first;
}

/** Milliseconds between `from` and `to` of a coverage, gaps left out. */
export function coveredMs(coverage: unknown): number | undefined {
  if (typeof coverage !== "object" || coverage === null) return undefined;
  const { from, to, gaps } = coverage as { from?: unknown; to?: unknown; gaps?: unknown };
  if (typeof from !== "number" || typeof to !== "number" || !(to > from)) return undefined;
  let covered = to - from;
  for (const gap of Array.isArray(gaps) ? (gaps as unknown[]) : []) {
    const { from: start, to: end } = (gap ?? {}) as { from?: unknown; to?: unknown };
    if (typeof start === "number" && typeof end === "number" && end > start) covered -= end - start;
  }
  return covered > 0 ? covered : undefined;
}
