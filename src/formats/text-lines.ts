import { decodeText } from "#wire";

/** One line of a text file. */
export interface TextLine {
  /** Without its end; a carriage return ahead of it is cut off too. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** Longer lines are cut: what follows is no stack of a real program. */
const MAX_LINE_BYTES = 16 << 20;

/** The lines of a file of any size, one at a time; invalid UTF-8 becomes U+FFFD, a byte order mark goes. */
export function* linesOf(bytes: Uint8Array): Generator<TextLine> {
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let number = 1; start < bytes.length; number++) {
    const found = bytes.indexOf(NEWLINE, start);
    const next = found < 0 ? bytes.length : found;
    const end = next > start && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
    yield { text: decodeText(bytes, start, Math.min(end, start + MAX_LINE_BYTES)), number };
    start = next + 1;
  }
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
