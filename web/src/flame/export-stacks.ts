import type { FlameMeasure } from "./flame-tree.ts";
import type { FrameTable } from "./frame-table.ts";
import type { StackTable } from "./stack-table.ts";

/** Formats that stacks can be saved in without the server. */
export type ExportFormat = "folded" | "speedscope";

/** Stacks between two pieces of text: strings stay short, and a blob takes any number of them. */
const PIECE = 4096;

/** Units of speedscope by ours; all others are `none`. */
const SPEEDSCOPE_UNITS: ReadonlySet<string> = new Set([
  "nanoseconds",
  "microseconds",
  "milliseconds",
  "seconds",
  "bytes",
]);

/**
 * Stacks as a file of another tool; of a diff the first selection. Folded text has no escapes: `;` in names becomes `:`
 * and line breaks become spaces. What was too small to be sent is a frame `(too small to show)`.
 */
export function exportStacks(
  format: ExportFormat,
  stacks: StackTable,
  frames: FrameTable,
  measure: FlameMeasure,
): Blob {
  return format === "folded" ? foldedText(stacks, frames) : speedscopeJson(stacks, frames, measure);
}

const REMAINDER_NAME = "(too small to show)";

function foldedText({ length, offsets, frames: ids, values }: StackTable, frames: FrameTable): Blob {
  const names: string[] = [];
  const nameOf = (frame: number): string =>
    frame < 0
      ? REMAINDER_NAME
      : (names[frame] ??=
          frames
            .name(frame)
            .replaceAll(";", ":")
            .replace(/\s*[\r\n]+\s*/g, " ") || "[unknown]");
  const pieces: string[] = [];
  let lines: string[] = [];
  for (let stack = 0; stack < length; stack++) {
    if (values[stack] === 0) continue;
    const text = Array.from(ids.subarray(offsets[stack], offsets[stack + 1]), nameOf).join(";");
    lines.push(`${text === "" ? "[no stack]" : text} ${Math.round(values[stack]!)}\n`);
    if (lines.length === PIECE) {
      pieces.push(lines.join(""));
      lines = [];
    }
  }
  return new Blob([...pieces, lines.join("")], { type: "text/plain;charset=utf-8" });
}

function speedscopeJson(stacks: StackTable, frames: FrameTable, measure: FlameMeasure): Blob {
  const { length, offsets, frames: ids, values } = stacks;
  // The remainder stands behind all frames.
  const numberOf = (frame: number): number => (frame < 0 ? frames.length : frame);
  const shared: string[] = [];
  for (let frame = 0; frame < frames.length; frame++) {
    const { name, file, line } = frames.text(frame);
    shared.push(JSON.stringify({ name, ...(file === "" ? {} : { file }), ...(line === 0 ? {} : { line }) }));
  }
  shared.push(JSON.stringify({ name: REMAINDER_NAME }));
  const unit = SPEEDSCOPE_UNITS.has(measure.unit) ? measure.unit : "none";
  const total = values.reduce((sum, value) => sum + value, 0);
  const pieces = [
    '{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"podflame","shared":{"frames":[',
    shared.join(),
    `]},"profiles":[{"type":"sampled","name":${JSON.stringify(measure.type)},"unit":"${unit}","startValue":0,"endValue":${total},"samples":[`,
  ];
  const weights: number[] = [];
  for (let stack = 0; stack < length; stack++) {
    if (values[stack] === 0) continue;
    const list = Array.from(ids.subarray(offsets[stack], offsets[stack + 1]), numberOf).join();
    pieces.push(`${weights.length === 0 ? "" : ","}[${list}]`);
    weights.push(values[stack]!);
  }
  pieces.push(`],"weights":[`, weights.join(), "]}]}\n");
  return new Blob(pieces, { type: "application/json" });
}
