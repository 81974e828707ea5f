import type { Heap } from "./heap.ts";

/** Characters of a string that stand together. */
export interface FlatPiece {
  readonly address: number;
  /** Latin-1 characters or UTF-16 units. */
  readonly length: number;
  readonly bytesPerCharacter: 1 | 2;
}

/** Bytes up to the last field of the largest string object. */
const HEADER_BYTES = 32;
/** Strings that are looked at for one: names are joined of two or three. Ends cycles, too. */
const MAX_STRINGS = 128;
/** Bit of the type of external strings that don't keep the address of their characters. */
const UNCACHED_EXTERNAL = 0x10;

interface Part {
  readonly address: number;
  readonly from: number;
  readonly length: number;
}

/**
 * Where the characters of a string stand, whatever it's made of: joined, sliced, replaced or external strings are
 * followed. Undefined when it's no string, or made of too many.
 */
export function flatPieces(heap: Heap, address: number): FlatPiece[] | undefined {
  const { string } = heap.layout;
  const pieces: FlatPiece[] = [];
  // Innermost on top: what is left of a joined string comes first.
  const left: Part[] = [{ address, from: 0, length: Infinity }];
  for (let looked = 0; left.length > 0; looked++) {
    const part = left.pop()!;
    const object = looked < MAX_STRINGS ? heap.object(part.address, HEADER_BYTES) : undefined;
    if (!object) return undefined;
    if (object.type >= string.firstNonstringType) {
      heap.faults.wrongType++;
      return undefined;
    }
    const length = Math.min(part.length, object.uint32(string.length) - part.from);
    if (length <= 0) continue;
    const bytesPerCharacter = (object.type & string.encodingMask) === string.oneByteTag ? 1 : 2;
    switch (object.type & string.representationMask) {
      case string.sequentialTag: {
        const start = object.address + string.characters + part.from * bytesPerCharacter;
        pieces.push({ address: start, length, bytesPerCharacter });
        break;
      }
      case string.externalTag: {
        const characters = object.address64(string.resource + 8);
        if ((object.type & UNCACHED_EXTERNAL) !== 0) return undefined;
        pieces.push({ address: characters + part.from * bytesPerCharacter, length, bytesPerCharacter });
        break;
      }
      case string.consTag: {
        const [first, second] = [object.pointer(string.first), object.pointer(string.second)];
        if (first === undefined || second === undefined) return undefined;
        // Nothing is sliced off a joined string: slices have flat parents.
        left.push({ address: second, from: 0, length: Infinity }, { address: first, from: 0, length: Infinity });
        break;
      }
      case string.slicedTag: {
        const [parent, offset] = [object.pointer(string.parent), object.smallInteger(string.parentOffset)];
        if (parent === undefined || offset === undefined || offset < 0) return undefined;
        left.push({ address: parent, from: part.from + offset, length });
        break;
      }
      case string.thinTag: {
        const actual = object.pointer(string.actual);
        if (actual === undefined) return undefined;
        left.push({ address: actual, from: part.from, length });
        break;
      }
      default:
        heap.faults.implausible++;
        return undefined;
    }
  }
  return pieces;
}

/** A string's text, cut at `maxCharacters`. Undefined when it can't be read. */
export function readString(heap: Heap, address: number, maxCharacters: number): string | undefined {
  const pieces = flatPieces(heap, address);
  if (!pieces) return undefined;
  let text = "";
  for (const piece of pieces) {
    const length = Math.min(piece.length, maxCharacters - text.length);
    if (length <= 0) break;
    const bytes = heap.bytes(piece.address, length * piece.bytesPerCharacter);
    if (!bytes) return undefined;
    text += Buffer.from(bytes.buffer).toString(piece.bytesPerCharacter === 1 ? "latin1" : "utf16le");
  }
  return text;
}
