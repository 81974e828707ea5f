/**
 * Many texts as one block of UTF-8 and where each begins: text i is `bytes[offsets[i] … offsets[i + 1])`. A million
 * names cross a thread's border as two arrays, and become strings only where somebody looks at them.
 */
export class StringBlock {
  readonly bytes: Uint8Array;
  /** One entry more than there are texts. */
  readonly offsets: Uint32Array;

  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
  }

  get length(): number {
    return this.offsets.length - 1;
  }

  /** Text by index; empty where there is none. Invalid UTF-8 becomes U+FFFD. */
  text(index: number): string {
    const start = this.offsets[index];
    const end = this.offsets[index + 1];
    return start === undefined || end === undefined ? "" : decoder.decode(this.bytes.subarray(start, end));
  }

  /** Encodes texts. */
  static of(texts: readonly string[]): StringBlock {
    const parts = texts.map((text) => encoder.encode(text));
    const offsets = new Uint32Array(texts.length + 1);
    for (const [at, part] of parts.entries()) offsets[at + 1] = offsets[at]! + part.length;
    const bytes = new Uint8Array(offsets[texts.length]!);
    for (const [at, part] of parts.entries()) bytes.set(part, offsets[at]!);
    return new StringBlock(bytes, offsets);
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
