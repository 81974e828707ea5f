/**
 * V8's tables of variable-length integers (7 bits a byte, least significant first, the highest bit says that more
 * follow): source positions of bytecode and machine code, and bytecode of baseline code.
 */
class VariableLengthReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** NaN when the bytes end inside, or when the number is beyond 2^53. */
  unsigned(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
    }
    return Number.NaN;
  }

  /** Zig-zag: 0, -1, 1, -2, 2, … */
  signed(): number {
    const value = this.unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** Where in the sources something is: a position word of V8, taken apart. */
export interface SourcePosition {
  /** Characters from the beginning of the script. */
  readonly offset: number;
  /** Number of the inlined call that it belongs to; -1 for the function itself. */
  readonly inliningId: number;
}

/**
 * Takes a position word apart: bit 0 marks what isn't JavaScript, bits 1 to 30 hold the offset + 1, bits 31 to 46 the
 * inlining id + 1.
 */
export function sourcePositionOf(word: number): SourcePosition | undefined {
  if (!(word >= 0) || word % 2 === 1) return undefined;
  const offset = (Math.floor(word / 2) % 2 ** 30) - 1;
  const inliningId = (Math.floor(word / 2 ** 31) % 2 ** 16) - 1;
  return offset < 0 ? undefined : { offset, inliningId };
}

/**
 * The position of the last entry at or before `codeOffset`. Entries are pairs: the distance from the last code offset
 * (-1 - distance for what is an expression) and from the last position word.
 */
export function findSourcePosition(table: Uint8Array, codeOffset: number): SourcePosition | undefined {
  const reader = new VariableLengthReader(table);
  // The first distance counts from the function's entry, which stands before its first bytecode.
  let code = -1;
  let word = 0;
  let found: number | undefined;
  while (!reader.done) {
    const distance = reader.signed();
    code += distance >= 0 ? distance : -(distance + 1);
    word += reader.signed();
    if (Number.isNaN(code + word)) return undefined;
    if (code > codeOffset) break;
    found = word;
  }
  return found === undefined ? undefined : sourcePositionOf(found);
}

/**
 * Walks a baseline function's table: how many bytes of machine code the prologue and then each bytecode have.
 *
 * @param machineOffset counted so that the end of a bytecode's code still belongs to it, as return addresses do
 * @returns number of the bytecode, -1 for the prologue; undefined when the table ends before or is broken
 */
export function findBytecodeNumber(table: Uint8Array, machineOffset: number): number | undefined {
  const reader = new VariableLengthReader(table);
  let end = 0;
  for (let number = -1; !reader.done; number++) {
    end += reader.unsigned();
    if (Number.isNaN(end)) return undefined;
    if (machineOffset <= end) return number;
  }
  return undefined;
}
