import type { Writer } from "#wire";
import type { FrameTable, FrameText, StringBlock } from "../../flame/index.ts";

/** What stands for calls that were too small to be in the graph. */
const REMAINDER: FrameText = { name: "(too small to show)", file: "", line: 0, type: "", mapping: "" };

/** The frames that saved stacks use, numbered from 0 in the order of their first use: a file names nothing else. */
export class SavedFrames {
  readonly #table: FrameTable;
  /** Number + 1 by frame; that of the remainder stands behind all. */
  readonly #numbers: Int32Array;
  readonly #order: number[] = [];

  constructor(table: FrameTable) {
    this.#table = table;
    this.#numbers = new Int32Array(table.length + 1);
  }

  get length(): number {
    return this.#order.length;
  }

  /** @param frame of the table, or REMAINDER_FRAME */
  number(frame: number): number {
    const at = frame < 0 ? this.#table.length : frame;
    return (this.#numbers[at] ||= this.#order.push(at)) - 1;
  }

  /** The texts of frame `number`. */
  text(number: number): FrameText {
    const frame = this.#order[number]!;
    return frame === this.#table.length ? REMAINDER : this.#table.text(frame);
  }

  /** The same as numbers of texts. */
  entry(number: number, texts: SavedTexts): FrameEntry {
    const frame = this.#order[number]!;
    if (frame === this.#table.length) {
      return { name: texts.of(REMAINDER.name), file: 0, mapping: 0, line: 0, type: REMAINDER.type };
    }
    const { name, file, mapping } = this.#table.columns;
    return {
      name: texts.ofBlock(name[frame]!),
      file: texts.ofBlock(file[frame]!),
      mapping: texts.ofBlock(mapping[frame]!),
      line: this.#table.line(frame),
      type: this.#table.type(frame),
    };
  }
}

/** A frame by numbers of `SavedTexts`; its type as text. */
export interface FrameEntry {
  readonly name: number;
  readonly file: number;
  readonly mapping: number;
  readonly line: number;
  readonly type: string;
}

/** A string table as pprof and OTLP have it: text 0 is empty. Names go from block to file without becoming strings. */
export class SavedTexts {
  readonly #block: StringBlock;
  /** Number by text of the block; 0 is none yet, or empty. */
  readonly #numbers: Int32Array;
  /** Texts of the block by number, and those that are made here. */
  readonly #order: (number | string)[] = [""];
  readonly #made = new Map<string, number>([["", 0]]);

  constructor(block: StringBlock) {
    this.#block = block;
    this.#numbers = new Int32Array(block.length);
  }

  ofBlock(index: number): number {
    const { offsets } = this.#block;
    if (index >= this.#numbers.length || offsets[index] === offsets[index + 1]) return 0;
    return (this.#numbers[index] ||= this.#order.push(index) - 1);
  }

  of(text: string): number {
    let number = this.#made.get(text);
    if (number === undefined) this.#made.set(text, (number = this.#order.push(text) - 1));
    return number;
  }

  /** All texts as fields of the message that is open. */
  write(writer: Writer, field: number): void {
    const { bytes, offsets } = this.#block;
    for (const text of this.#order) {
      if (typeof text === "string") writer.string(field, text);
      else writer.bytes(field, bytes.subarray(offsets[text], offsets[text + 1]));
    }
  }
}
