/**
 * Sizes of a release's bytecodes with their operands, by number: `single` as they are, `double` behind the prefix that
 * doubles the width of operands. The prefix that quadruples it adds twice as much again.
 */
export interface BytecodeSizes {
  readonly single: Uint8Array;
  readonly double: Uint8Array;
}

/** The first four bytecodes are prefixes for the next one: Wide, ExtraWide, and the same for a debugger's breaks. */
const PREFIXES = 4;

/**
 * Where the bytecode with that number begins (with its prefix, if it has one).
 *
 * @param number counted from 0, prefixes not counted
 * @returns undefined when there are fewer, or something that is no bytecode
 */
export function bytecodeOffsetOf(bytecodes: Uint8Array, number: number, sizes: BytecodeSizes): number | undefined {
  let at = 0;
  for (let left = number; left > 0; left--) {
    const size = sizeAt(bytecodes, at, sizes);
    if (size === undefined) return undefined;
    at += size;
  }
  return number >= 0 && at < bytecodes.length ? at : undefined;
}

function sizeAt(bytecodes: Uint8Array, at: number, { single, double }: BytecodeSizes): number | undefined {
  const first = bytecodes[at];
  if (first === undefined) return undefined;
  if (first >= PREFIXES) return single[first];
  const bytecode = bytecodes[at + 1];
  if (bytecode === undefined) return undefined;
  const [narrow, wide] = [single[bytecode], double[bytecode]];
  if (narrow === undefined || wide === undefined) return undefined;
  return 1 + (first % 2 === 0 ? wide : wide + 2 * (wide - narrow));
}

/** Sizes written as digits of base 36, one a bytecode. */
export function bytecodeSizes(single: string, double: string): BytecodeSizes {
  const decode = (digits: string): Uint8Array => Uint8Array.from(digits, (digit) => Number.parseInt(digit, 36));
  return { single: decode(single), double: decode(double) };
}
