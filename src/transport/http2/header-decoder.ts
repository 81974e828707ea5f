import { type HeaderField, headerField } from "./header-field.ts";
import { huffmanDecode, huffmanDecodedLimit } from "./huffman.ts";
import { DEFAULT_TABLE_BYTES } from "./protocol.ts";
import { STATIC_TABLE } from "./static-table.ts";

/**
 * `too large`: the list is above the limit, but the table is in step with the peer's, so the connection goes on.
 * `corrupt`: a connection error of type COMPRESSION_ERROR.
 */
export type DecodeProblem = "too large" | "corrupt";

const STATIC_ENTRIES = STATIC_TABLE.length;
const ENTRY_OVERHEAD_BYTES = 32;

/**
 * Decodes header blocks (HPACK, RFC 7541) of one connection, in their order. A field that the peer has in its table
 * costs an array look-up. Memory is bounded by the table and by the list limit, whatever a block says.
 */
export class HeaderDecoder {
  readonly #listLimitBytes: number;
  readonly #tableLimitBytes: number;
  /** A ring that grows to its size: entry `#newest` is HPACK index 62, the one before it 63. */
  readonly #ring: (HeaderField | undefined)[] = [];
  readonly #mask: number;
  #newest = 0;
  #entries = 0;
  #tableBytes = 0;
  #capacityBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** @param tableLimitBytes SETTINGS_HEADER_TABLE_SIZE as announced */
  constructor(listLimitBytes: number, tableLimitBytes = DEFAULT_TABLE_BYTES) {
    this.#listLimitBytes = listLimitBytes;
    this.#tableLimitBytes = this.#capacityBytes = tableLimitBytes;
    const most = Math.floor(tableLimitBytes / ENTRY_OVERHEAD_BYTES) + 1;
    this.#mask = 2 ** Math.ceil(Math.log2(most)) - 1;
  }

  /** Decodes the block `bytes[start, end)` and appends its fields to `into`, which is incomplete after a problem. */
  decode(bytes: Buffer, start: number, end: number, into: HeaderField[]): DecodeProblem | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    let listBytes = 0;
    let updatesAllowed = true;
    while (this.#at < this.#end) {
      const first = bytes[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        if (!updatesAllowed || !this.#resize()) return "corrupt";
        continue;
      }
      updatesAllowed = false;
      const field = (first & 0x80) !== 0 ? this.#lookUp(this.#integer(7)) : this.#literal(first);
      if (field === undefined) return "corrupt";
      listBytes += field.size;
      if (listBytes <= this.#listLimitBytes) into.push(field);
    }
    return listBytes > this.#listLimitBytes ? "too large" : undefined;
  }

  #lookUp(index: number): HeaderField | undefined {
    if (index <= STATIC_ENTRIES) return STATIC_TABLE[index - 1];
    const back = index - STATIC_ENTRIES - 1;
    return back < this.#entries ? this.#ring[(this.#newest - back) & this.#mask] : undefined;
  }

  #literal(first: number): HeaderField | undefined {
    const indexed = (first & 0x40) !== 0;
    const nameIndex = this.#integer(indexed ? 6 : 4);
    if (nameIndex < 0) return undefined;
    const name = nameIndex === 0 ? this.#string() : this.#lookUp(nameIndex)?.name;
    if (name === undefined) return undefined;
    const value = this.#string();
    if (value === undefined) return undefined;
    const field = headerField(name, value);
    if (indexed) this.#insert(field);
    return field;
  }

  #insert(field: HeaderField): void {
    this.#evict(this.#capacityBytes - field.size);
    // One that is larger than the table empties it (§4.4).
    if (field.size > this.#capacityBytes) return;
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#ring[this.#newest] = field;
    this.#entries++;
    this.#tableBytes += field.size;
  }

  #evict(toBytes: number): void {
    while (this.#tableBytes > toBytes && this.#entries > 0) {
      const oldest = (this.#newest - this.#entries + 1) & this.#mask;
      this.#tableBytes -= this.#ring[oldest]!.size;
      this.#ring[oldest] = undefined;
      this.#entries--;
    }
  }

  #resize(): boolean {
    const capacity = this.#integer(5);
    if (capacity < 0 || capacity > this.#tableLimitBytes) return false;
    this.#capacityBytes = capacity;
    this.#evict(capacity);
    return true;
  }

  /** An integer with a prefix of so many bits (§5.1); -1 where it is cut off or above 2^28. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#at++]! & most;
    if (value < most) return value;
    for (let shift = 0; this.#at < this.#end && shift <= 21; shift += 7) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  #string(): string | undefined {
    if (this.#at >= this.#end) return undefined;
    const huffman = (this.#bytes[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length < 0 || length > this.#end - start) return undefined;
    this.#at += length;
    if (!huffman) return this.#bytes.toString("latin1", start, start + length);
    const decoded = scratch(huffmanDecodedLimit(length));
    const written = huffmanDecode(this.#bytes, start, start + length, decoded);
    return written < 0 ? undefined : decoded.toString("latin1", 0, written);
  }
}

const SCRATCH = Buffer.alloc(1024);

/** Where a string is decoded: used up before the next one. */
function scratch(bytes: number): Buffer {
  return bytes <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafe(bytes);
}
