import type { ByteSource } from "../byte-source.ts";

/**
 * Bytes read at once when a table is walked. Large enough that the system calls don't show (a symbol table of 3.5 MB is
 * 54 reads), small enough to stay in the cache and to leave nothing behind.
 */
const WINDOW_BYTES = 64 << 10;
/** Names are read with one call unless they are longer. Half of node's names have fewer than 96 bytes. */
const SHORT_NAME_BYTES = 256;

/** Windows at rest. Walks may nest, each has its own; two is as deep as ours go. */
const idle: Uint8Array<ArrayBuffer>[] = [];
const MAX_IDLE = 2;

/** Runs `use` with a window of memory of its own. What it holds at the beginning is left over from earlier use. */
export function withWindow<T>(use: (window: Uint8Array<ArrayBuffer>) => T): T {
  const window = idle.pop() ?? new Uint8Array(WINDOW_BYTES);
  try {
    return use(window);
  } finally {
    if (idle.length < MAX_IDLE) idle.push(window);
  }
}

/** Bytes [position, position + sizeBytes), newly allocated; undefined when the source ends before. */
export function readExactly(source: ByteSource, position: number, sizeBytes: number): DataView | undefined {
  if (!inside(source, position, sizeBytes)) return undefined;
  const bytes = new Uint8Array(sizeBytes);
  return source.read(bytes, position) === sizeBytes ? new DataView(bytes.buffer) : undefined;
}

/** Whether a range lies in the source. False for whatever isn't a non-negative integer below 2^53. */
export function inside(source: ByteSource, position: number, sizeBytes: number): boolean {
  return position >= 0 && sizeBytes >= 0 && position <= source.sizeBytes && sizeBytes <= source.sizeBytes - position;
}

/**
 * Walks `count` records of `recordBytes` each, beginning at `position`. `visit` gets whole records only: `records` of
 * them at the start of `view`, the first being number `first`. The walk ends early when the source does, or when
 * `visit` returns false.
 *
 * @returns records handed out
 */
export function walkRecords(
  source: ByteSource,
  position: number,
  recordBytes: number,
  count: number,
  visit: (view: DataView<ArrayBuffer>, records: number, first: number) => boolean | void,
): number {
  if (position < 0 || position >= source.sizeBytes) return 0;
  return withWindow((window) => {
    const perWindow = Math.floor(window.length / recordBytes);
    const view = new DataView(window.buffer);
    let done = 0;
    while (done < count) {
      const wanted = Math.min(perWindow, count - done);
      const got = source.read(window.subarray(0, wanted * recordBytes), position + done * recordBytes);
      const records = Math.floor(got / recordBytes);
      if (records === 0) break;
      const first = done;
      done += records;
      if (visit(view, records, first) === false || records < wanted) break;
    }
    return done;
  });
}

/** A number of 64 bits as a double: exact below 2^53, and beyond it still larger than any size or position of a file. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
}

/** A name that ends with a zero byte. */
export interface StoredName {
  readonly text: string;
  /** It is longer than `maxBytes`, or its end isn't in the table: `text` is its beginning. */
  readonly cut: boolean;
}

/**
 * Reads the text at `position` up to a zero byte, within `endPosition` and `maxBytes`. Bytes that are no UTF-8 become
 * U+FFFD.
 */
export function readName(
  source: ByteSource,
  position: number,
  endPosition: number,
  maxBytes: number,
): StoredName | undefined {
  if (!(position >= 0 && position < endPosition)) return undefined;
  return withWindow((window) => {
    const limit = Math.min(endPosition - position, maxBytes + 1, window.length);
    for (let size = Math.min(SHORT_NAME_BYTES, limit); ; size = limit) {
      const got = source.read(window.subarray(0, size), position);
      if (got === 0) return undefined;
      const zero = window.subarray(0, got).indexOf(0);
      if (zero >= 0) return { text: textOf(window, zero), cut: false };
      if (size === limit || got < size) return { text: textOf(window, Math.min(got, maxBytes)), cut: true };
    }
  });
}

function textOf(window: Uint8Array<ArrayBuffer>, length: number): string {
  return Buffer.from(window.buffer, 0, length).toString("utf8");
}
