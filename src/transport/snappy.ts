/**
 * Snappy: the block format (format_description.txt of google/snappy) and the stream of framed blocks
 * (framing_format.txt). Decoding is ours because the library's decoder does not end on some hostile blocks; encoding
 * is snappyjs', loaded when the first message is compressed.
 */

/** Thrown for bytes that aren't Snappy. */
export class SnappyError extends Error {}

const STREAM_IDENTIFIER = Uint8Array.of(0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59);
const MAX_CHUNK_DATA = 65536;

/**
 * Whether bytes begin as a framed stream. No valid block does: the identifier read as a block is a length, one literal
 * byte, and a copy from far before the beginning.
 */
export function isFramedSnappy(input: Uint8Array): boolean {
  return input.length >= STREAM_IDENTIFIER.length && STREAM_IDENTIFIER.every((byte, index) => input[index] === byte);
}

/** Length of a block's content, and where its elements begin. */
export function blockLength(input: Uint8Array): { readonly length: number; readonly offset: number } {
  let length = 0;
  for (let offset = 0; offset < Math.min(5, input.length); offset++) {
    const byte = input[offset]!;
    length += (byte & 0x7f) * 2 ** (7 * offset);
    if (byte < 0x80) {
      if (length > 0xffffffff) break;
      return { length, offset: offset + 1 };
    }
  }
  throw new SnappyError("snappy: block without a valid length");
}

/** Decodes a block's elements, from `offset` on, into `output`, which they must fill exactly. */
export function decodeBlock(input: Uint8Array, offset: number, output: Uint8Array): void {
  let at = offset;
  let written = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const size = length - 59;
        length = littleEndian(input, at, size);
        at += size;
      }
      length++;
      if (length > input.length - at || length > output.length - written) throw corrupt();
      output.set(input.subarray(at, at + length), written);
      at += length;
      written += length;
      continue;
    }
    let length = (tag >>> 2) + 1;
    let distance: number;
    if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4;
      distance = ((tag >>> 5) << 8) | littleEndian(input, at, 1);
      at += 1;
    } else {
      const size = kind === 2 ? 2 : 4;
      distance = littleEndian(input, at, size);
      at += size;
    }
    if (distance === 0 || distance > written || length > output.length - written) throw corrupt();
    // Overlapping copies repeat what they have just written, so no copyWithin where distance < length.
    if (distance >= length) output.copyWithin(written, written - distance, written - distance + length);
    else for (let i = 0; i < length; i++) output[written + i] = output[written + i - distance]!;
    written += length;
  }
  if (written !== output.length) throw corrupt();
}

function littleEndian(input: Uint8Array, at: number, size: number): number {
  if (at + size > input.length) throw corrupt();
  let value = 0;
  for (let i = 0; i < size; i++) value += input[at + i]! * 2 ** (8 * i);
  return value;
}

function corrupt(): SnappyError {
  return new SnappyError("snappy: corrupt input");
}

/** One chunk of a framed stream that carries data. */
interface DataChunk {
  readonly compressed: boolean;
  readonly checksum: number;
  /** First byte behind the checksum, first byte behind the chunk. */
  readonly start: number;
  readonly end: number;
  readonly length: number;
}

/** Length of a framed stream's content, without decoding it; at most 64 KiB a chunk. */
export function framedLength(input: Uint8Array): number {
  let total = 0;
  for (const chunk of dataChunks(input)) total += chunk.length;
  return total;
}

/** Decodes a framed stream into `output` of exactly `framedLength` bytes, checking each chunk's checksum. */
export function decodeFramed(input: Uint8Array, output: Uint8Array): void {
  let written = 0;
  for (const chunk of dataChunks(input)) {
    const body = input.subarray(chunk.start, chunk.end);
    const target = output.subarray(written, written + chunk.length);
    if (chunk.compressed) decodeBlock(body, blockLength(body).offset, target);
    else target.set(body);
    if (maskedChecksum(target) !== chunk.checksum) throw new SnappyError("snappy: checksum of a chunk doesn't match");
    written += chunk.length;
  }
}

function* dataChunks(input: Uint8Array): Generator<DataChunk> {
  let at = STREAM_IDENTIFIER.length;
  while (at < input.length) {
    const type = input[at]!;
    const size = littleEndian(input, at + 1, 3);
    const start = at + 4;
    const end = start + size;
    if (end > input.length) throw corrupt();
    if (type === 0x00 || type === 0x01) {
      const checksum = littleEndian(input, start, 4);
      if (size < 4) throw corrupt();
      const length = type === 0x00 ? blockLength(input.subarray(start + 4, end)).length : size - 4;
      if (length > MAX_CHUNK_DATA) throw corrupt();
      yield { compressed: type === 0x00, checksum, start: start + 4, end, length };
    } else if (type < 0x80) {
      throw new SnappyError(`snappy: chunk of unknown type ${type} that may not be skipped`);
    }
    at = end;
  }
}

/** CRC-32C, rotated and offset as framing_format.txt section 3 says. */
function maskedChecksum(bytes: Uint8Array): number {
  const table = (crcTable ??= castagnoliTable());
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

let crcTable: Uint32Array | undefined;

function castagnoliTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    return crc;
  });
}

/** Compresses one block. */
export type BlockEncoder = (input: Uint8Array) => Uint8Array;

/** Loads the block encoder. */
export async function loadBlockEncoder(): Promise<BlockEncoder> {
  const { default: snappy } = await import("snappyjs");
  // A Buffer would come back zero-filled at its worst-case size; a plain view doesn't.
  return (input) => snappy.compress(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
}

/** Compresses a message into a framed stream. */
export function encodeFramed(input: Uint8Array, encodeBlock: BlockEncoder): Uint8Array {
  const parts: Uint8Array[] = [STREAM_IDENTIFIER];
  for (let at = 0; at < input.length; at += MAX_CHUNK_DATA) {
    const data = input.subarray(at, at + MAX_CHUNK_DATA);
    const block = encodeBlock(data);
    const smaller = block.length < data.length;
    const body = smaller ? block : data;
    const head = Buffer.alloc(8);
    head[0] = smaller ? 0x00 : 0x01;
    head.writeUIntLE(body.length + 4, 1, 3);
    head.writeUInt32LE(maskedChecksum(data), 4);
    parts.push(head, body);
  }
  return Buffer.concat(parts);
}
