import { bytesSource } from "../../byte-source.ts";
import { ElfFile, openElf } from "../../elf/elf-file.ts";
import { elfImage } from "../../testing/elf-image.ts";
import { UnwindTables } from "../unwind-tables.ts";

/** Call frame instructions, as tests need them. */
export const Instruction = {
  advance: (bytes: number) => [0x40 | bytes],
  defCfa: (register: number, offset: number) => [0x0c, ...uleb(register), ...uleb(offset)],
  defCfaOffset: (offset: number) => [0x0e, ...uleb(offset)],
  defCfaExpression: (...expression: number[]) => [0x0f, ...uleb(expression.length), ...expression],
  /** In words of 8 bytes below the CFA. */
  offset: (register: number, words: number) => [0x80 | register, ...uleb(words)],
  undefined: (register: number) => [0x07, ...uleb(register)],
  expression: (register: number, ...expression: number[]) => [
    0x10,
    ...uleb(register),
    ...uleb(expression.length),
    ...expression,
  ],
  remember: [0x0a],
  recall: [0x0b],
} as const;

/** A function that a test makes up: what it covers, and how it is unwound. */
export interface FrameSettings {
  readonly start: number;
  readonly bytes: number;
  readonly program: readonly number[];
  /** The frame is one that the kernel made to deliver a signal. */
  readonly isSignal?: boolean;
}

/** Where the section is loaded. */
export const FRAMES_AT = 0x10000;

/** The content of `.eh_frame` for some functions; each entry brings its own common one: CFA = rsp + 8, return at CFA - 8. */
export function frameSection(functions: readonly FrameSettings[]): Uint8Array {
  const bytes: number[] = [];
  for (const { start, bytes: length, program, isSignal } of functions) {
    const common = bytes.length;
    const augmentation = isSignal ? [0x7a, 0x52, 0x53, 0] : [0x7a, 0x52, 0];
    const initial = [...Instruction.defCfa(7, 8), ...Instruction.offset(16, 1)];
    put(bytes, [...u32(0), 1, ...augmentation, 1, 0x78, 16, 1, 0x1b, ...initial]);
    const at = bytes.length;
    const pointerAt = FRAMES_AT + at + 8;
    put(bytes, [...u32(at + 4 - common), ...u32(start - pointerAt), ...u32(length), 0, ...program]);
  }
  return Uint8Array.from([...bytes, 0, 0, 0, 0]);
}

/** Unwind data of a library whose code is loaded at 0x1000, and which has this `.eh_frame`. */
export function tablesWith(section: Uint8Array): UnwindTables | undefined {
  const image = elfImage({
    segments: [
      { type: 1, flags: 5, offset: 0, address: 0x1000, fileSize: 0x8000 },
      { type: 1, flags: 4, offset: 0x8000, address: FRAMES_AT, fileSize: section.length },
    ],
    sections: [{ name: ".eh_frame", type: 1, flags: 2, address: FRAMES_AT, content: section }],
    sizeBytes: 0x9000,
  });
  const elf = openElf(bytesSource(image));
  return elf instanceof ElfFile ? UnwindTables.open(elf) : undefined;
}

function put(bytes: number[], content: readonly number[]): void {
  const padded = Math.ceil(content.length / 4) * 4;
  bytes.push(...u32(padded), ...content, ...Array.from({ length: padded - content.length }, () => 0));
}

function u32(value: number): number[] {
  return [...new Uint8Array(Uint32Array.of(value).buffer)];
}

function uleb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(Math.floor(value / 128))];
}
