import { writeVarint } from "#wire";
import type { FlameFrame } from "../api.ts";
import type { FlameHeader } from "./flame-answer.ts";
import type { PrunedTree } from "./prune.ts";

/** First bytes of the binary form. */
export const FLAME_MAGIC = "PFG1";
export const FLAME_MEDIA_TYPE = "application/vnd.podflame.flamegraph";

/** Longest varint of a number below 2^53. */
const MAX_VARINT = 8;
/** Most bytes of a UTF-16 unit in UTF-8. */
const MAX_UTF8 = 3;

/**
 * A graph as columns, for pages that draw large ones. Little endian:
 *
 * - "PFG1", u32 length of the header, the header as JSON, padded with spaces to a multiple of four;
 * - the columns that it names, one behind the other, all of varints but for `stringBytes`.
 *
 * Nodes are breadth first with contiguous children, so a count of children a node is all of the structure: `children`,
 * `frame` (+ 2: 0 is a remainder, 1 the root), `total`, and `other` in a diff. Frames follow as `frameName`,
 * `frameFile`, `frameType`, `frameMapping` (positions in the strings) and `frameLine`; strings as `stringLengths` and
 * `stringBytes` (UTF-8).
 */
export function encodeFlame(header: FlameHeader, tree: PrunedTree): Uint8Array {
  const { length, frames, omitted, depth } = tree;
  const strings = new StringColumn();
  const frameColumns: Column[] = [
    ["frameName", varints(strings.numbers(frames, ({ name }) => name))],
    ["frameFile", varints(strings.numbers(frames, ({ file }) => file))],
    ["frameType", varints(strings.numbers(frames, ({ type }) => type))],
    ["frameMapping", varints(strings.numbers(frames, ({ mapping }) => mapping))],
    ["frameLine", varints(Float64Array.from(frames, ({ line }) => Math.max(0, line)))],
  ];
  const { lengths, bytes } = strings.encode();
  const columns: Column[] = [
    ["children", varints(tree.children)],
    ["frame", varints(tree.frame.map((index) => index + 2))],
    ["total", varints(tree.total)],
    ...(tree.other ? ([["other", varints(tree.other)]] as const) : []),
    ["stringLengths", varints(lengths)],
    ["stringBytes", bytes],
    ...frameColumns,
  ];
  return assemble(
    {
      ...header,
      omitted,
      nodes: length,
      frames: frames.length,
      strings: strings.length,
      depth,
      columns: columns.map(([name, { length: size }]) => ({ name, bytes: size })),
    },
    columns,
  );
}

type Column = readonly [name: string, bytes: Uint8Array];

function assemble(header: unknown, columns: readonly Column[]): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = (json.length + 3) & ~3;
  const size = columns.reduce((sum, [, { length }]) => sum + length, 8 + padded);
  const bytes = new Uint8Array(size);
  new TextEncoder().encodeInto(FLAME_MAGIC, bytes);
  new DataView(bytes.buffer).setUint32(4, padded, true);
  bytes.fill(0x20, 8, 8 + padded);
  bytes.set(json, 8);
  let at = 8 + padded;
  for (const [, column] of columns) {
    bytes.set(column, at);
    at += column.length;
  }
  return bytes;
}

function varints(values: Uint32Array | Int32Array | Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * MAX_VARINT);
  let end = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (value < 0x80) bytes[end++] = value;
    else end = writeVarint(bytes, end, value);
  }
  return bytes.subarray(0, end);
}

/** Texts by number, each once. */
class StringColumn {
  readonly #numbers = new Map<string, number>();

  get length(): number {
    return this.#numbers.size;
  }

  /** Numbers of texts of frames. */
  numbers(frames: readonly FlameFrame[], textOf: (frame: FlameFrame) => string): Uint32Array {
    const numbers = this.#numbers;
    const found = new Uint32Array(frames.length);
    // Frames beside each other often are of the same file and mapping.
    let last: string | undefined;
    let number = 0;
    for (let at = 0; at < frames.length; at++) {
      const text = textOf(frames[at]!);
      if (text !== last) {
        const known = numbers.get(text);
        if (known === undefined) numbers.set(text, (number = numbers.size));
        else number = known;
        last = text;
      }
      found[at] = number;
    }
    return found;
  }

  encode(): { readonly lengths: Uint32Array; readonly bytes: Uint8Array } {
    const texts = [...this.#numbers.keys()];
    const bytes = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + text.length * MAX_UTF8, 0));
    let end = 0;
    const lengths = Uint32Array.from(texts, (text) => {
      const length = bytes.write(text, end, "utf8");
      end += length;
      return length;
    });
    return { lengths, bytes: bytes.subarray(0, end) };
  }
}
