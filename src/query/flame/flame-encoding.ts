import { writeVarint } from "#wire";
import type { FlameHeader } from "./flame-answer.ts";
import type { PrunedTree } from "./prune.ts";

/** First bytes of the binary form. */
export const FLAME_MAGIC = "PFG1";
export const FLAME_MEDIA_TYPE = "application/vnd.podflame.flamegraph";

/** Longest varint of a number below 2^53. */
const MAX_VARINT = 8;

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
  const texts = (of: (frame: (typeof frames)[number]) => string): Uint8Array =>
    varints(frames.length, (at) => strings.number(of(frames[at]!)));
  const frameColumns: Column[] = [
    ["frameName", texts(({ name }) => name)],
    ["frameFile", texts(({ file }) => file)],
    ["frameType", texts(({ type }) => type)],
    ["frameMapping", texts(({ mapping }) => mapping)],
    ["frameLine", varints(frames.length, (at) => Math.max(0, frames[at]!.line))],
  ];
  const { lengths, bytes } = strings.encode();
  const columns: Column[] = [
    ["children", varints(length, (at) => tree.children[at]!)],
    ["frame", varints(length, (at) => tree.frame[at]! + 2)],
    ["total", varints(length, (at) => tree.total[at]!)],
    ...(tree.other ? ([["other", varints(length, (at) => tree.other![at]!)]] as const) : []),
    ["stringLengths", lengths],
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

function varints(count: number, value: (at: number) => number): Uint8Array {
  const bytes = new Uint8Array(count * MAX_VARINT);
  let end = 0;
  for (let at = 0; at < count; at++) end = writeVarint(bytes, end, value(at));
  return bytes.subarray(0, end);
}

/** Texts by number, each once. */
class StringColumn {
  readonly #numbers = new Map<string, number>();

  get length(): number {
    return this.#numbers.size;
  }

  number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) this.#numbers.set(text, (number = this.#numbers.size));
    return number;
  }

  encode(): { readonly lengths: Uint8Array; readonly bytes: Uint8Array } {
    const encoded = Array.from(this.#numbers.keys(), (text) => Buffer.from(text, "utf8"));
    return { lengths: varints(encoded.length, (at) => encoded[at]!.length), bytes: Buffer.concat(encoded) };
  }
}
