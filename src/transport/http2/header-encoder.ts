import { DEFAULT_TABLE_BYTES } from "./protocol.ts";
import { STATIC_INDEX } from "./static-table.ts";

/** A field to send. */
export interface OutgoingField {
  readonly name: string;
  /** Characters up to U+00FF, sent as one octet each. */
  readonly value: string;
  /** Sent as a literal that nobody on the way may keep in a table (RFC 7541 §7.1.3). */
  readonly secret?: boolean;
}

/** Fields that many blocks begin with. The encoder remembers the bytes by the list's identity: make it once. */
export type ConstantFields = readonly OutgoingField[];

interface Remembered {
  readonly bytes: Buffer;
  /** The table's insertions when the bytes were made: they are right as long as there are no more. */
  readonly inserted: number;
}

const MAX_REMEMBERED = 32;

/**
 * Encodes header blocks of one connection, in their order. Constant fields go into the dynamic table and are references
 * from the second block on; what varies and what is secret is sent as literals. Without Huffman coding, which saves
 * nothing where fields are references.
 */
export class HeaderEncoder {
  /** Insertion number by `name\0value`, oldest first. */
  readonly #table = new Map<string, { readonly number: number; readonly size: number }>();
  readonly #remembered = new Map<ConstantFields, Remembered>();
  #tableBytes = 0;
  #capacityBytes = DEFAULT_TABLE_BYTES;
  #inserted = 0;
  /** The smallest capacity since the last block, where it has changed: the peer has to be told (§4.2). */
  #smallest: number | undefined;

  /** Takes over the peer's SETTINGS_HEADER_TABLE_SIZE. More than the default is not used. */
  setPeerTableBytes(bytes: number): void {
    const capacity = Math.min(bytes, DEFAULT_TABLE_BYTES);
    if (capacity === this.#capacityBytes) return;
    this.#smallest = Math.min(this.#smallest ?? capacity, capacity);
    this.#capacityBytes = capacity;
    this.#evict(capacity);
    this.#remembered.clear();
  }

  /** The block of `constant` and then `varying`. Pseudo-headers belong into the former. Valid until the next call. */
  encode(constant: ConstantFields, varying: readonly OutgoingField[]): Buffer {
    const writer = SHARED;
    writer.reset();
    if (this.#smallest !== undefined) {
      if (this.#smallest < this.#capacityBytes) writer.integer(0x20, 5, this.#smallest);
      writer.integer(0x20, 5, this.#capacityBytes);
      this.#smallest = undefined;
    }
    const remembered = this.#remembered.get(constant);
    if (remembered?.inserted === this.#inserted) writer.raw(remembered.bytes);
    else this.#constant(constant, writer);
    for (const field of varying) writer.literal(field);
    return writer.taken();
  }

  #constant(constant: ConstantFields, writer: BlockWriter): void {
    const before = this.#inserted;
    const start = writer.length;
    for (const field of constant) this.#field(field, writer);
    if (this.#inserted !== before) return;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(constant, { bytes: writer.copyFrom(start), inserted: before });
  }

  #field(field: OutgoingField, writer: BlockWriter): void {
    if (field.secret === true) return writer.literal(field);
    const key = `${field.name}\0${field.value}`;
    const known = STATIC_INDEX.get(key);
    if (known !== undefined) return writer.integer(0x80, 7, known);
    const entry = this.#table.get(key);
    if (entry) return writer.integer(0x80, 7, 62 + this.#inserted - entry.number);
    const size = field.name.length + field.value.length + 32;
    // Large ones would push out all others.
    if (size > this.#capacityBytes / 2) return writer.literal(field);
    writer.inserting(field);
    this.#evict(this.#capacityBytes - size);
    this.#inserted++;
    this.#table.set(key, { number: this.#inserted, size });
    this.#tableBytes += size;
  }

  #evict(toBytes: number): void {
    for (const [key, { size }] of this.#table) {
      if (this.#tableBytes <= toBytes) return;
      this.#table.delete(key);
      this.#tableBytes -= size;
    }
  }
}

/** A block of literals alone, right on any connection at any time; for what servers answer again and again. */
export function encodeStateless(fields: readonly OutgoingField[]): Buffer {
  SHARED.reset();
  for (const field of fields) {
    const known = STATIC_INDEX.get(`${field.name}\0${field.value}`);
    if (known !== undefined && field.secret !== true) SHARED.integer(0x80, 7, known);
    else SHARED.literal(field);
  }
  return SHARED.copyFrom(0);
}

class BlockWriter {
  #bytes = Buffer.alloc(1024);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  reset(): void {
    this.#at = 0;
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  copyFrom(start: number): Buffer {
    return Buffer.from(this.#bytes.subarray(start, this.#at));
  }

  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Without indexing (§6.2.2), or never indexed (§6.2.3) where it is secret. */
  literal(field: OutgoingField): void {
    this.#named(field.secret === true ? 0x10 : 0x00, 4, field);
  }

  /** With incremental indexing (§6.2.1). */
  inserting(field: OutgoingField): void {
    this.#named(0x40, 6, field);
  }

  #named(pattern: number, prefixBits: number, { name, value }: OutgoingField): void {
    const index = STATIC_INDEX.get(name) ?? 0;
    this.integer(pattern, prefixBits, index);
    if (index === 0) this.#string(name);
    this.#string(value);
  }

  #string(text: string): void {
    this.integer(0, 7, text.length);
    this.#reserve(text.length);
    this.#at += this.#bytes.write(text, this.#at, "latin1");
  }

  integer(pattern: number, prefixBits: number, value: number): void {
    this.#reserve(6);
    const most = (1 << prefixBits) - 1;
    if (value < most) {
      this.#bytes[this.#at++] = pattern | value;
      return;
    }
    this.#bytes[this.#at++] = pattern | most;
    let rest = value - most;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

const SHARED = new BlockWriter();
