/** One line of a perf map, `start size name`, as positions in the bytes that it was read from. */
export interface PerfMapLine {
  readonly start: number;
  readonly sizeBytes: number;
  /** Where its name begins; it goes on to the end of the line. */
  readonly nameAt: number;
}

const SPACE = 0x20;
const TAB = 0x09;
const ZERO = 0x30;
const LOWER_X = 0x78;

/**
 * Reads the line `bytes[from, to)`. Both numbers are hexadecimal, with or without `0x`; the name may hold spaces.
 *
 * @returns undefined if it is something else, or announces nothing that can be: no bytes, more than 4 GiB, an address
 *   beyond 2^53
 */
export function readPerfMapLine(bytes: Uint8Array, from: number, to: number): PerfMapLine | undefined {
  const cursor = { at: from, value: 0 };
  if (!readNumber(bytes, to, cursor)) return undefined;
  const start = cursor.value;
  if (!readNumber(bytes, to, cursor)) return undefined;
  const sizeBytes = cursor.value;
  const nameAt = skipBlanks(bytes, cursor.at, to);
  if (nameAt === to || start > Number.MAX_SAFE_INTEGER || sizeBytes === 0 || sizeBytes > 0xffffffff) return undefined;
  return { start, sizeBytes, nameAt };
}

/** Reads a number that a blank follows. */
function readNumber(bytes: Uint8Array, to: number, cursor: { at: number; value: number }): boolean {
  let at = skipBlanks(bytes, cursor.at, to);
  if (bytes[at] === ZERO && at + 1 < to && (bytes[at + 1]! | 0x20) === LOWER_X) at += 2;
  const first = at;
  let value = 0;
  for (; at < to; at++) {
    const byte = bytes[at]!;
    const letter = (byte | 0x20) - 0x61;
    if (byte >= ZERO && byte <= ZERO + 9) value = value * 16 + byte - ZERO;
    else if (byte >= 0x41 && letter >= 0 && letter < 6) value = value * 16 + 10 + letter;
    else break;
  }
  cursor.at = at;
  cursor.value = value;
  return at > first && at < to && (bytes[at] === SPACE || bytes[at] === TAB);
}

function skipBlanks(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}
