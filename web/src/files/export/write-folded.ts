import type { FrameTable, StackTable } from "../../flame/index.ts";
import { SavedFrames } from "./saved-frames.ts";
import type { SavedValues } from "./saved-values.ts";

/** Lines between two pieces of text: strings stay short, and a blob takes any number of them. */
const PIECE = 4096;

/**
 * Folded stacks, `outermost;…;innermost COUNT` a line; of a comparison `… COUNT OTHER`, as difffolded.pl writes it and
 * flamegraph.pl reads it. The format has no escapes: `;` in names becomes `:` and line breaks become spaces.
 */
export function writeFolded(
  { length, offsets, frames: ids }: StackTable,
  table: FrameTable,
  saved: readonly SavedValues[],
): Blob {
  const frames = new SavedFrames(table);
  const names: string[] = [];
  const nameOf = (frame: number): string => {
    const number = frames.number(frame);
    return (names[number] ??=
      frames
        .text(number)
        .name.replaceAll(";", ":")
        .replace(/\s*[\r\n]+\s*/g, " ") || "[unknown]");
  };
  const pieces: string[] = [];
  let lines: string[] = [];
  for (let stack = 0; stack < length; stack++) {
    if (saved.every(({ values }) => values[stack] === 0)) continue;
    const text = Array.from(ids.subarray(offsets[stack], offsets[stack + 1]), nameOf).join(";");
    lines.push(`${text === "" ? "[no stack]" : text} ${saved.map(({ values }) => values[stack]).join(" ")}\n`);
    if (lines.length === PIECE) {
      pieces.push(lines.join(""));
      lines = [];
    }
  }
  return new Blob([...pieces, lines.join("")], { type: "text/plain;charset=utf-8" });
}
