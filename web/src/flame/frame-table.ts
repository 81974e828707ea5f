import { StringBlock } from "./string-block.ts";

/** A frame as people see it; the same words as `FlameFrame` of the API. */
export interface FrameText {
  readonly name: string;
  readonly file: string;
  /** Where the function starts; 0 where not known. */
  readonly line: number;
  /** A value of `profile.frame.type`, or `process`, `truncated`, `group`; empty where not known. */
  readonly type: string;
  /** Binary. */
  readonly mapping: string;
}

/** Frames as columns: each text column holds indexes of `strings`. All have the same length. */
export interface FrameColumns {
  readonly strings: StringBlock;
  readonly name: Uint32Array;
  readonly file: Uint32Array;
  readonly type: Uint32Array;
  readonly mapping: Uint32Array;
  readonly line: Uint32Array;
}

/** The distinct frames of a tree. Texts are decoded when they are asked for, and not kept: see `FrameNames`. */
export class FrameTable {
  readonly columns: FrameColumns;

  constructor(columns: FrameColumns) {
    this.columns = columns;
  }

  get length(): number {
    return this.columns.name.length;
  }

  name(frame: number): string {
    return this.columns.strings.text(this.columns.name[frame]!);
  }

  file(frame: number): string {
    return this.columns.strings.text(this.columns.file[frame]!);
  }

  type(frame: number): string {
    return this.columns.strings.text(this.columns.type[frame]!);
  }

  mapping(frame: number): string {
    return this.columns.strings.text(this.columns.mapping[frame]!);
  }

  line(frame: number): number {
    return this.columns.line[frame] ?? 0;
  }

  text(frame: number): FrameText {
    return {
      name: this.name(frame),
      file: this.file(frame),
      line: this.line(frame),
      type: this.type(frame),
      mapping: this.mapping(frame),
    };
  }

  /** Builds a table of frames; equal texts are there once. For answers in JSON, tests and small files. */
  static of(frames: readonly FrameText[]): FrameTable {
    const indexes = new Map<string, number>();
    const texts: string[] = [];
    const index = (text: string): number => {
      let at = indexes.get(text);
      if (at === undefined) {
        at = texts.push(text) - 1;
        indexes.set(text, at);
      }
      return at;
    };
    const column = (of: (frame: FrameText) => number): Uint32Array => Uint32Array.from(frames, of);
    const columns = {
      name: column(({ name }) => index(name)),
      file: column(({ file }) => index(file)),
      type: column(({ type }) => index(type)),
      mapping: column(({ mapping }) => index(mapping)),
      line: column(({ line }) => line),
    };
    return new FrameTable({ ...columns, strings: StringBlock.of(texts) });
  }
}
