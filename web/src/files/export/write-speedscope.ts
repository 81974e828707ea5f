import type { FrameTable, StackTable } from "../../flame/index.ts";
import { SavedFrames } from "./saved-frames.ts";
import type { SavedValues } from "./saved-values.ts";

/** Samples between two pieces of text. */
const PIECE = 4096;
/** Units that speedscope knows; all others are `none`. */
const UNITS: ReadonlySet<string> = new Set(["nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]);

/** speedscope's own format: one sampled profile, of a comparison one for each selection. */
export function writeSpeedscope(stacks: StackTable, table: FrameTable, saved: readonly SavedValues[]): Blob {
  const frames = new SavedFrames(table);
  const profiles = saved.flatMap((values, at) => [at === 0 ? "" : ",", ...sampled(stacks, values, frames)]);
  const shared: string[] = [];
  for (let number = 0; number < frames.length; number++) {
    const { name, file, line } = frames.text(number);
    shared.push(JSON.stringify({ name, ...(file === "" ? {} : { file }), ...(line === 0 ? {} : { line }) }));
  }
  return new Blob(
    [
      '{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"podflame","shared":{"frames":[',
      ...joined(shared),
      `]},"profiles":[`,
      ...profiles,
      "]}\n",
    ],
    { type: "application/json" },
  );
}

function sampled(
  { length, offsets, frames: ids }: StackTable,
  { type, unit, values }: SavedValues,
  frames: SavedFrames,
): string[] {
  const samples: string[] = [];
  const weights: number[] = [];
  let total = 0;
  for (let stack = 0; stack < length; stack++) {
    const value = values[stack]!;
    if (value === 0) continue;
    samples.push(`[${Array.from(ids.subarray(offsets[stack], offsets[stack + 1]), (id) => frames.number(id)).join()}]`);
    weights.push(value);
    total += value;
  }
  const shownUnit = UNITS.has(unit) ? unit : "none";
  return [
    `{"type":"sampled","name":${JSON.stringify(type)},"unit":"${shownUnit}","startValue":0,"endValue":${total},"samples":[`,
    ...joined(samples),
    '],"weights":[',
    ...joined(weights),
    "]}",
  ];
}

/** The entries of a list in pieces, for a file may be longer than a string can be. */
function joined(entries: readonly (string | number)[]): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < entries.length; at += PIECE) {
    pieces.push((at === 0 ? "" : ",") + entries.slice(at, at + PIECE).join());
  }
  return pieces;
}
