/** Bytes that a varint of a non-negative integer below 2^53 takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 0x800000000); rest > 0; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a non-negative integer below 2^53 as a canonical varint and returns the position behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  while (value >= 0x10000000) {
    target[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}

/** Writes 64 bits (two's complement of `value`) as a varint of 1 to 10 bytes and returns the position behind it. */
export function writeVarint64(target: Uint8Array, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/** Writes 64 bits, given as two 32-bit halves, as a varint of 1 to 10 bytes and returns the position behind it. */
export function writeVarintHalves(target: Uint8Array, at: number, low: number, high: number): number {
  while (high !== 0 || low >>> 0 >= 0x80) {
    target[at++] = (low & 0x7f) | 0x80;
    low = (low >>> 7) | (high << 25);
    high >>>= 7;
  }
  target[at++] = low;
  return at;
}
