import type { V8Layout } from "../layout.ts";
import type { RemoteMemory } from "../remote-memory.ts";

const BASE = 0x10_0000;

/** A piece of memory in which a test builds objects as V8 has them. */
export class HeapImage implements RemoteMemory {
  readonly #layout: V8Layout;
  readonly #bytes = new Uint8Array(1 << 20);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #maps = new Map<number, number>();
  #next = 64;

  constructor(layout: V8Layout) {
    this.#layout = layout;
  }

  read(target: Uint8Array, address: number): number {
    const from = address - BASE;
    if (from < 0 || from >= this.#bytes.length) return 0;
    const piece = this.#bytes.subarray(from, from + target.length);
    target.set(piece);
    return piece.length;
  }

  /** An object of an instance type; its address, not tagged. */
  object(type: number, sizeBytes: number): number {
    let map = this.#maps.get(type);
    if (map === undefined) {
      map = this.#allocate(24);
      this.#view.setUint16(map - BASE + this.#layout.instanceTypeOfMap, type, true);
      this.#maps.set(type, map);
    }
    const address = this.#allocate(sizeBytes);
    this.setPointer(address, this.#layout.mapOfObject, map);
    return address;
  }

  setPointer(address: number, offset: number, target: number): void {
    this.setAddress(address, offset, target + 1);
  }

  setAddress(address: number, offset: number, value: number): void {
    this.#view.setBigUint64(address - BASE + offset, BigInt(value), true);
  }

  /** What {@link setAddress} put there, or another setter. */
  word(address: number, offset: number): number {
    return Number(this.#view.getBigUint64(address - BASE + offset, true));
  }

  setBytes(address: number, content: Uint8Array): void {
    this.#bytes.set(content, address - BASE);
  }

  /** A copy of the first bytes of an object, elsewhere. */
  copy(address: number, sizeBytes: number): number {
    return this.bytes(this.#bytes.slice(address - BASE, address - BASE + sizeBytes));
  }

  setSmallInteger(address: number, offset: number, value: number): void {
    this.#view.setInt32(address - BASE + offset + 4, value, true);
  }

  setUint32(address: number, offset: number, value: number): void {
    this.#view.setUint32(address - BASE + offset, value, true);
  }

  /** Bytes that are no object. */
  bytes(content: Uint8Array): number {
    const address = this.#allocate(content.length);
    this.#bytes.set(content, address - BASE);
    return address;
  }

  /** A string whose characters stand in it. */
  flat(text: string, encoding: "latin1" | "utf16le"): number {
    const { string } = this.#layout;
    const type = string.sequentialTag | (encoding === "latin1" ? string.oneByteTag : 0);
    const content = Buffer.from(text, encoding);
    const address = this.object(type, string.characters + content.length);
    this.setUint32(address, string.length, text.length);
    this.#bytes.set(content, address - BASE + string.characters);
    return address;
  }

  #allocate(sizeBytes: number): number {
    const address = BASE + this.#next;
    this.#next += Math.ceil(sizeBytes / 8) * 8 + 8;
    return address;
  }
}
