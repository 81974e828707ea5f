/** Kinds of entries, in bits 3 to 6 of their first byte. */
const Kind = { ONE_LINE_0: 10, ONE_LINE_2: 12, NO_COLUMNS: 13, LONG: 14, NONE: 15 } as const;
/** Bytes behind the first one, for kinds without variable ones: columns, which nobody wants here. */
const SHORT_BYTES = 1;
const ONE_LINE_BYTES = 2;
const BYTES_A_UNIT = 2;

/**
 * The line of an instruction, by the location table of its code object (CPython since 3.11, described in its
 * `Objects/locations.md`).
 *
 * @param firstLine where the code object begins
 * @param offset of the instruction in bytes; before the first one the function is only being entered
 * @returns 0 if it has none, or the table doesn't reach so far
 */
export function lineOf(table: Uint8Array, firstLine: number, offset: number): number {
  if (offset < 0) return firstLine;
  let line = firstLine;
  let end = 0;
  for (let at = 0; at < table.length;) {
    const head = table[at++]!;
    const kind = (head >>> 3) & 0xf;
    end += ((head & 7) + 1) * BYTES_A_UNIT;
    if (kind < Kind.ONE_LINE_0) {
      at += SHORT_BYTES;
    } else if (kind <= Kind.ONE_LINE_2) {
      line += kind - Kind.ONE_LINE_0;
      at += ONE_LINE_BYTES;
    } else if (kind !== Kind.NONE) {
      line += signed(variableAt(table, at));
      at = behindVariable(table, at);
      // End line and two columns.
      for (let more = kind === Kind.LONG ? 3 : 0; more > 0; more--) at = behindVariable(table, at);
    }
    if (offset < end) return kind === Kind.NONE || line < 0 ? 0 : line;
  }
  return 0;
}

/** Six bits a byte, the lowest first; a set bit 6 says that more follow. 32 bits at most. */
function variableAt(table: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from, shift = 0; at < table.length && shift < 30; at++, shift += 6) {
    value |= (table[at]! & 0x3f) << shift;
    if ((table[at]! & 0x40) === 0) break;
  }
  return value;
}

function behindVariable(table: Uint8Array, from: number): number {
  let at = from;
  while (at < table.length && (table[at]! & 0x40) !== 0) at++;
  return at + 1;
}

function signed(value: number): number {
  return (value & 1) === 0 ? value >>> 1 : -(value >>> 1);
}
