import { type Heap, untag } from "./heap.ts";
import type { CodeFields } from "./versions.ts";

/** Machine code that V8 generated for a function. */
export interface CodeObject {
  /** First instruction, and the byte behind the last. */
  readonly start: number;
  readonly end: number;
  readonly tier: "baseline" | "maglev" | "turbofan" | "other";
  /** Address of the object with the fields. */
  readonly address: number;
  /** Deoptimization data, or what baseline code was compiled from. */
  readonly deoptimization: number | undefined;
  readonly positions: number | undefined;
}

/** Instructions begin at multiples of this: 64 on x86-64, at least 32 elsewhere. */
const ALIGNMENT_BYTES = 32;
/** How far back the beginning of a function is looked for. TurboFan's largest are some hundred kilobytes. */
const MAX_DISTANCE_BYTES = 512 << 10;
const CHUNK_BYTES = 4096;
const MAX_KNOWN = 2048;
/** Addresses remembered as not in any code, until the next flush. */
const MAX_MISSES = 1024;
const KIND_MASK = 0xf;

/**
 * Finds the code object of an address in generated code without V8's own tables: from the address back, wherever
 * instructions may begin, until the words before it are the header of an instruction stream whose Code object claims
 * the address.
 */
export class CodeObjects {
  readonly #heap: Heap;
  readonly #fields: CodeFields;
  /** By first instruction, ascending. */
  #known: { code: CodeObject; epoch: number }[] = [];
  readonly #misses = new Set<number>();
  #epoch = 0;

  constructor(heap: Heap, fields: CodeFields) {
    this.#heap = heap;
    this.#fields = fields;
  }

  /** @param mappingStart where the executable memory begins */
  find(pc: number, mappingStart: number): CodeObject | undefined {
    const index = this.#indexBefore(pc);
    const known = this.#known[index];
    if (known && pc < known.code.end) {
      if (known.epoch === this.#epoch) return known.code;
      const again = this.#at(known.code.start, pc);
      if (again && isSame(again, known.code)) {
        known.epoch = this.#epoch;
        return known.code;
      }
      this.#known.splice(index, 1);
    }
    if (this.#misses.has(pc)) return undefined;
    const code = this.#search(pc, mappingStart);
    if (code) this.#keep(code);
    else if (this.#misses.size < MAX_MISSES) this.#misses.add(pc);
    return code;
  }

  endFlush(): void {
    this.#epoch++;
    this.#misses.clear();
  }

  get memoryBytes(): number {
    return this.#known.length * 200 + this.#misses.size * 40;
  }

  #search(pc: number, mappingStart: number): CodeObject | undefined {
    const { headerBytes, codeOfHeader } = this.#fields;
    const nearest = pc - (pc % ALIGNMENT_BYTES);
    const farthest = Math.max(mappingStart + headerBytes, nearest - MAX_DISTANCE_BYTES);
    // Chunks of headers, from the one before the nearest possible beginning backwards.
    for (let top = nearest; top >= farthest; top -= CHUNK_BYTES) {
      const bottom = Math.max(farthest, top - CHUNK_BYTES + ALIGNMENT_BYTES);
      const first = bottom - headerBytes;
      const bytes = this.#heap.bytes(first, top - bottom + 16);
      if (!bytes) return undefined;
      const view = new DataView(bytes.buffer);
      for (let start = top; start >= bottom; start -= ALIGNMENT_BYTES) {
        const at = start - headerBytes - first;
        const wordAt = (offset: number): number | undefined =>
          untag(view.getUint32(at + offset, true), view.getUint32(at + offset + 4, true));
        // Two tagged words in a row hardly ever occur among instructions.
        if (wordAt(0) === undefined || wordAt(codeOfHeader ?? 8) === undefined) continue;
        const code = this.#at(start, pc);
        if (code) return code;
      }
    }
    return undefined;
  }

  /** The code that begins at `start`, if there is such, and if it holds `pc`. */
  #at(start: number, pc: number): CodeObject | undefined {
    const fields = this.#fields;
    const header = start - fields.headerBytes;
    const codeAddress = fields.codeOfHeader === undefined ? header : this.#pointerIn(header + fields.codeOfHeader);
    const object = codeAddress === undefined ? undefined : this.#heap.object(codeAddress, OBJECT_BYTES);
    if (object?.type !== this.#heap.layout.types.code) return undefined;
    if (fields.start !== undefined && object.address64(fields.start) !== start) return undefined;
    const end = start + object.uint32(fields.sizeBytes);
    if (pc < start || pc >= end) return undefined;
    return {
      start,
      end,
      tier: tierOf(fields, object.uint32(fields.flags)),
      address: object.address,
      deoptimization: object.pointer(fields.deoptimization),
      positions: object.pointer(fields.positions),
    };
  }

  #pointerIn(address: number): number | undefined {
    const bytes = this.#heap.bytes(address, 8);
    if (!bytes) return undefined;
    const view = new DataView(bytes.buffer);
    return untag(view.getUint32(0, true), view.getUint32(4, true));
  }

  #keep(code: CodeObject): void {
    if (this.#known.length >= MAX_KNOWN) this.#known = [];
    // What overlaps was there before and is gone.
    this.#known = this.#known.filter((other) => other.code.end <= code.start || other.code.start >= code.end);
    this.#known.splice(this.#indexBefore(code.start) + 1, 0, { code, epoch: this.#epoch });
  }

  /** Index of the last one that begins at or before `address`; -1 if none. */
  #indexBefore(address: number): number {
    let low = 0;
    let high = this.#known.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#known[middle]!.code.start <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Up to the last field that we read, in all releases. */
const OBJECT_BYTES = 64;

function tierOf({ kinds }: CodeFields, flags: number): CodeObject["tier"] {
  const kind = flags & KIND_MASK;
  if (kind === kinds.baseline) return "baseline";
  if (kind === kinds.maglev) return "maglev";
  return kind === kinds.turbofan ? "turbofan" : "other";
}

function isSame(a: CodeObject, b: CodeObject): boolean {
  return (
    a.end === b.end &&
    a.tier === b.tier &&
    a.address === b.address &&
    a.deoptimization === b.deoptimization &&
    a.positions === b.positions
  );
}
