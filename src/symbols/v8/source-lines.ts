import type { Heap } from "./heap.ts";
import { flatPieces, type FlatPiece } from "./strings.ts";

/** Characters between two positions whose line is kept: 1,000 numbers for 4 million characters. */
const STRIDE = 4096;
/** A larger source is a bundle of everything; what comes behind has no lines. */
const MAX_CHARACTERS = 32 << 20;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const LINE_SEPARATOR = 0x2028;
const PARAGRAPH_SEPARATOR = 0x2029;

/**
 * Lines of a source text that stays in the other process. V8 itself rarely has them at hand, and the text may be
 * megabytes, so only the line at every 4,096th character is kept, as far as anybody asked.
 */
export class SourceLines {
  /** Line feeds and their kin before character 4096 · i. */
  #endsBefore: number[] = [0];
  #length = -1;

  /**
   * Line (from 0) of a character.
   *
   * @param source address of the text, which may have moved since the last call
   * @returns undefined when the text can't be read or doesn't reach that far
   */
  lineAt(heap: Heap, source: number, position: number): number | undefined {
    const pieces = flatPieces(heap, source);
    // V8 flattens a source before it compiles it.
    if (pieces?.length !== 1) return undefined;
    const text = pieces[0]!;
    if (position < 0 || position > Math.min(text.length, MAX_CHARACTERS)) {
      heap.faults.implausible++;
      return undefined;
    }
    if (text.length !== this.#length) {
      this.#endsBefore = [0];
      this.#length = text.length;
    }
    const stride = Math.floor(position / STRIDE);
    while (this.#endsBefore.length <= stride) {
      const from = (this.#endsBefore.length - 1) * STRIDE;
      const ends = countLineEnds(heap, text, from, from + STRIDE);
      if (ends === undefined) return undefined;
      this.#endsBefore.push(this.#endsBefore.at(-1)! + ends);
    }
    const ends = countLineEnds(heap, text, stride * STRIDE, position);
    return ends === undefined ? undefined : this.#endsBefore[stride]! + ends;
  }

  get memoryBytes(): number {
    return 64 + 8 * this.#endsBefore.length;
  }
}

/** Line ends in [from, to). A carriage return before a line feed is none; the character after the range tells. */
function countLineEnds(heap: Heap, text: FlatPiece, from: number, to: number): number | undefined {
  const width = text.bytesPerCharacter;
  const bytes = heap.bytes(text.address + from * width, Math.min(to + 1, text.length) * width - from * width);
  if (!bytes) return undefined;
  return width === 1 ? countLatin1(bytes, to - from) : countUtf16(new Uint16Array(bytes.buffer), to - from);
}

function countLatin1(bytes: Uint8Array, length: number): number {
  let ends = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && at < length; at = bytes.indexOf(LINE_FEED, at + 1)) ends++;
  for (let at = bytes.indexOf(CARRIAGE_RETURN); at >= 0 && at < length; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    if (bytes[at + 1] !== LINE_FEED) ends++;
  }
  return ends;
}

function countUtf16(units: Uint16Array, length: number): number {
  let ends = 0;
  for (let at = 0; at < length; at++) {
    const unit = units[at]!;
    if (unit === LINE_FEED || unit === LINE_SEPARATOR || unit === PARAGRAPH_SEPARATOR) ends++;
    else if (unit === CARRIAGE_RETURN && units[at + 1] !== LINE_FEED) ends++;
  }
  return ends;
}
