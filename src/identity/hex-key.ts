/** Value of each hexadecimal digit by its byte, in either case; 255 for every other byte. */
const NIBBLE = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  NIBBLE[text.charCodeAt(0)] = digit;
  NIBBLE[text.toUpperCase().charCodeAt(0)] = digit;
}

/** Whether a byte is a hexadecimal digit, in either case. */
export function isHexDigit(byte: number): boolean {
  return NIBBLE[byte] !== 255;
}

/** Words of a container id: 64 hexadecimal digits, eight a word. */
export const CONTAINER_ID_WORDS = 8;
/** Words of a pod uid: 32 hexadecimal digits. */
export const POD_UID_WORDS = 4;

/**
 * Reads the eight hexadecimal digits at `at`. Anything else among them gives -1, which no eight digits give: a word is
 * at least 0.
 */
function readWord(bytes: Uint8Array, at: number): number {
  const a = NIBBLE[bytes[at]!]!;
  const b = NIBBLE[bytes[at + 1]!]!;
  const c = NIBBLE[bytes[at + 2]!]!;
  const d = NIBBLE[bytes[at + 3]!]!;
  const e = NIBBLE[bytes[at + 4]!]!;
  const f = NIBBLE[bytes[at + 5]!]!;
  const g = NIBBLE[bytes[at + 6]!]!;
  const h = NIBBLE[bytes[at + 7]!]!;
  // 255 is the only value with a bit above the lowest four.
  if ((a | b | c | d | e | f | g | h) > 15) return -1;
  return ((a << 28) | (b << 24) | (c << 20) | (d << 16) | (e << 12) | (f << 8) | (g << 4) | h) >>> 0;
}

/** Reads exactly 64 hexadecimal digits at `start` into `key`. False if they aren't all digits; `key` is spoiled then. */
export function readContainerKey(bytes: Uint8Array, start: number, key: Uint32Array): boolean {
  for (let word = 0; word < CONTAINER_ID_WORDS; word++) {
    const value = readWord(bytes, start + word * 8);
    if (value < 0) return false;
    key[word] = value;
  }
  return true;
}

/**
 * Reads a pod uid into `key`: a UUID in its usual form, with `_` for `-` as in names of systemd slices, or the bare 32
 * digits that static pods have. False for anything else; `key` is spoiled then.
 */
export function readUidKey(bytes: Uint8Array, start: number, end: number, key: Uint32Array): boolean {
  if (end - start === 32) {
    for (let word = 0; word < POD_UID_WORDS; word++) {
      const value = readWord(bytes, start + word * 8);
      if (value < 0) return false;
      key[word] = value;
    }
    return true;
  }
  if (end - start !== 36) return false;
  let at = start;
  let word = 0;
  let digits = 0;
  for (let position = 0; position < 36; position++, at++) {
    const byte = bytes[at]!;
    if (position === 8 || position === 13 || position === 18 || position === 23) {
      if (byte !== 0x2d && byte !== 0x5f) return false;
      continue;
    }
    const nibble = NIBBLE[byte]!;
    if (nibble > 15) return false;
    word = (word << 4) | nibble;
    if (++digits % 8 === 0) key[digits / 8 - 1] = word;
  }
  return true;
}
