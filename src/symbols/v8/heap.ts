import type { V8Layout } from "./layout.ts";
import type { RemoteMemory } from "./remote-memory.ts";

/** Why something could not be read, since the start. */
export interface HeapFaults {
  /** What a pointer led to was of another type: it moved, was freed, or never was what it seemed. */
  wrongType: number;
  /** Memory that cannot be read. */
  unreadable: number;
  /** Right by its type, impossible by its content: lengths, positions, references that contradict each other. */
  implausible: number;
}

/** Maps whose type is remembered. The types we look for have one map each, strings a few. */
const MAX_KNOWN_MAPS = 64;

/**
 * Reads objects of V8's heap in another process. The heap moves and is reused while we read, so every object is known
 * by the instance type in its map before anything in it counts. Addresses are untagged; a double holds them exactly.
 */
export class Heap {
  readonly layout: V8Layout;
  readonly memory: RemoteMemory;
  readonly faults: HeapFaults = { wrongType: 0, unreadable: 0, implausible: 0 };
  readonly #known = new Map<number, number>();
  readonly #wanted: ReadonlySet<number>;
  readonly #typeBytes = new Uint8Array(2);

  constructor(memory: RemoteMemory, layout: V8Layout) {
    this.memory = memory;
    this.layout = layout;
    const { contexts: _, ...types } = layout.types;
    this.#wanted = new Set(Object.values(types).flat());
  }

  /**
   * The first `sizeBytes` of an object of any type. While the collector works, pointers may lead to where the object was:
   * then it's read where it was moved to, and that is its address.
   */
  object(address: number, sizeBytes: number): HeapObject | undefined {
    const view = this.#view(address, sizeBytes);
    const moved = view && movedTo(view, this.layout.mapOfObject);
    const found = moved === undefined ? view : this.#view(moved, sizeBytes);
    if (!found) return undefined;
    const map = pointerAt(found, this.layout.mapOfObject);
    const type = map === undefined ? undefined : this.#instanceType(map);
    if (type === undefined) {
      this.faults.wrongType++;
      return undefined;
    }
    return new HeapObject(moved ?? address, type, found);
  }

  /** The first `sizeBytes` of an object if it's of one of the types; counted as a fault if not. */
  objectOf(types: number | readonly number[], address: number, sizeBytes: number): HeapObject | undefined {
    const object = this.object(address, sizeBytes);
    if (!object) return undefined;
    if (typeof types === "number" ? object.type === types : types.includes(object.type)) return object;
    this.faults.wrongType++;
    return undefined;
  }

  /** Content of a byte array; undefined if it's none, or has more than `maxBytes`. */
  byteArray(address: number, maxBytes: number): Uint8Array | undefined {
    const { length, data } = this.layout.array;
    const header = this.objectOf(this.layout.types.byteArrays, address, data);
    const size = header?.smallInteger(length);
    if (size === undefined) return undefined;
    if (size < 0 || size > maxBytes) return this.#implausible();
    return this.bytes(address + data, size);
  }

  /** The pointer in an element of an array of pointers; undefined if it's no pointer, or out of range. */
  arrayPointer(address: number, index: number): number | undefined {
    const { length, data } = this.layout.array;
    const header = this.objectOf(this.layout.types.pointerArrays, address, data);
    const size = header?.smallInteger(length);
    if (size === undefined) return undefined;
    if (index < 0 || index >= size) return this.#implausible();
    const element = this.bytes(address + data + 8 * index, 8);
    return element && pointerAt(new DataView(element.buffer), 0);
  }

  /** Bytes at an address, all of them or none; newly allocated. */
  bytes(address: number, sizeBytes: number): Uint8Array<ArrayBuffer> | undefined {
    const bytes = new Uint8Array(sizeBytes);
    if (this.memory.read(bytes, address) === sizeBytes) return bytes;
    this.faults.unreadable++;
    return undefined;
  }

  #view(address: number, sizeBytes: number): DataView | undefined {
    const bytes = this.bytes(address, sizeBytes);
    return bytes && new DataView(bytes.buffer);
  }

  #instanceType(map: number): number | undefined {
    const known = this.#known.get(map);
    if (known !== undefined) return known;
    if (this.memory.read(this.#typeBytes, map + this.layout.instanceTypeOfMap) !== 2) return undefined;
    const type = this.#typeBytes[0]! | (this.#typeBytes[1]! << 8);
    // Maps of the types we look for are never freed; others might be, and make room for what looks like them.
    const lasting = this.#wanted.has(type) || type < this.layout.string.firstNonstringType;
    if (lasting && this.#known.size < MAX_KNOWN_MAPS) this.#known.set(map, type);
    return type;
  }

  #implausible(): undefined {
    this.faults.implausible++;
    return undefined;
  }
}

/** The beginning of an object, as it was when it was read. */
export class HeapObject {
  readonly address: number;
  readonly type: number;
  readonly #view: DataView;

  constructor(address: number, type: number, view: DataView) {
    this.address = address;
    this.type = type;
    this.#view = view;
  }

  /** Address of the object that a field points to (strongly or weakly); undefined if the field holds something else. */
  pointer(offset: number): number | undefined {
    return pointerAt(this.#view, offset);
  }

  /** Value of a field that holds a small integer. */
  smallInteger(offset: number): number | undefined {
    return this.#view.getUint32(offset, true) === 0 ? this.#view.getInt32(offset + 4, true) : undefined;
  }

  uint32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** A field that holds a plain address, not a tagged one. */
  address64(offset: number): number {
    return this.#view.getUint32(offset + 4, true) * 2 ** 32 + this.#view.getUint32(offset, true);
  }
}

/** User space ends at 2^47. */
const HIGH_LIMIT = 0x8000;
/** Nothing is mapped below. */
const FIRST_ADDRESS = 4096;
const OBJECT_ALIGNMENT = 8;

/**
 * Untags a pointer given as its two halves: 01 in the lowest bits is a strong one, 11 a weak one. Undefined for small
 * integers, cleared weak references and what is no address of user space.
 */
export function untag(low: number, high: number): number | undefined {
  const tag = low & 3;
  return tag === 1 || tag === 3 ? addressOf(low - tag, high) : undefined;
}

function addressOf(low: number, high: number): number | undefined {
  return high >= HIGH_LIMIT || (high === 0 && low < FIRST_ADDRESS) ? undefined : high * 2 ** 32 + low;
}

/** Where an object was moved to: while the collector works, that stands, not tagged, where the object had its map. */
function movedTo(view: DataView, offset: number): number | undefined {
  const low = view.getUint32(offset, true);
  return low % OBJECT_ALIGNMENT === 0 ? addressOf(low, view.getUint32(offset + 4, true)) : undefined;
}

function pointerAt(view: DataView, offset: number): number | undefined {
  return untag(view.getUint32(offset, true), view.getUint32(offset + 4, true));
}
