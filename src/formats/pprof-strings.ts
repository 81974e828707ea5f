import type { Dictionary } from "#otlp";
import type { Writer } from "#wire";

const encoder = new TextEncoder();

/** The string table of a pprof file as it grows; strings of the model keep their bytes, also where not UTF-8. */
export class PprofStrings {
  readonly #source: Dictionary["strings"];
  readonly #entries: Uint8Array[] = [new Uint8Array(0)];
  /** Index in the file by index in the model; 0 is not there yet. */
  readonly #ofModel: Int32Array;
  readonly #texts = new Map<string, number>([["", 0]]);

  constructor(source: Dictionary["strings"]) {
    this.#source = source;
    this.#ofModel = new Int32Array(source.length);
  }

  /** A string of the model. */
  index(modelIndex: number): number {
    if (modelIndex === 0) return 0;
    const known = this.#ofModel[modelIndex];
    if (known !== 0 && known !== undefined) return known;
    const bytes = this.#source.bytes(modelIndex);
    const text = this.#source.text(modelIndex);
    // Text that was repaired while decoding must not stand for the bytes.
    if (!text.includes("\uFFFD")) return (this.#ofModel[modelIndex] = this.text(text));
    this.#entries.push(bytes);
    return (this.#ofModel[modelIndex] = this.#entries.length - 1);
  }

  text(text: string): number {
    let index = this.#texts.get(text);
    if (index === undefined) {
      index = this.#entries.push(encoder.encode(text)) - 1;
      this.#texts.set(text, index);
    }
    return index;
  }

  write(writer: Writer, field: number): void {
    for (const entry of this.#entries) writer.bytes(field, entry);
  }
}
