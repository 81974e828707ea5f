/** HPACK's Huffman code (RFC 7541 Appendix B). It is canonical, so the length of each symbol's code is all there is. */

const EOS = 256;
// prettier-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const MAX_LENGTH = 30;

/** Symbols in the order of their codes; by length: the code behind the last one, and where its symbols end in `ORDER`. */
const ORDER = new Uint16Array(LENGTHS.length);
const CODE_END = new Uint32Array(MAX_LENGTH + 1);
const ORDER_END = new Uint16Array(MAX_LENGTH + 1);
{
  let code = 0;
  let at = 0;
  for (let length = 1; length <= MAX_LENGTH; length++) {
    code *= 2;
    for (let symbol = 0; symbol < LENGTHS.length; symbol++) {
      if (LENGTHS[symbol] !== length) continue;
      ORDER[at++] = symbol;
      code++;
    }
    CODE_END[length] = code;
    ORDER_END[length] = at;
  }
}

/** No code is shorter than five bits, so eight octets of input are at most thirteen of output. */
export function huffmanDecodedLimit(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / 5);
}

/**
 * Decodes `bytes[start, end)` into `target`, which has room for `huffmanDecodedLimit`. Returns how many octets were
 * written, or -1 where the code is invalid: EOS inside, or padding that is too long or not all ones (§5.2).
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let written = 0;
  let code = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >>> bit) & 1);
      length++;
      // Codes of one length are consecutive and come before all that are longer.
      const beyond = CODE_END[length]! - code;
      if (beyond <= 0) continue;
      const symbol = ORDER[ORDER_END[length]! - beyond]!;
      if (symbol === EOS) return -1;
      target[written++] = symbol;
      code = 0;
      length = 0;
    }
  }
  return length < 8 && code === (1 << length) - 1 ? written : -1;
}
