import type { FlameMeasure, FrameTable, StackTable } from "../../flame/index.ts";
import type { ExportFormat } from "./export-format.ts";
import { savedValues } from "./saved-values.ts";
import { writeFolded } from "./write-folded.ts";
import { writeOtlp } from "./write-otlp.ts";
import { writePprof } from "./write-pprof.ts";
import { writeSpeedscope } from "./write-speedscope.ts";

/**
 * Stacks as a file of another tool. Values become whole numbers whose sum stays. What was too small to be in the graph
 * is a frame `(too small to show)`.
 */
export async function exportStacks(
  format: ExportFormat,
  stacks: StackTable,
  frames: FrameTable,
  measure: FlameMeasure,
): Promise<Blob> {
  const values = savedValues(stacks, measure);
  switch (format) {
    case "pprof":
      return gzipped(writePprof(stacks, frames, values));
    case "otlp":
      return new Blob([writeOtlp(stacks, frames, values) as Uint8Array<ArrayBuffer>], {
        type: "application/x-protobuf",
      });
    case "folded":
      return writeFolded(stacks, frames, values);
    case "speedscope":
      return writeSpeedscope(stacks, frames, values);
  }
}

async function gzipped(bytes: Uint8Array): Promise<Blob> {
  const plain = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const inflated = await new Response(plain.pipeThrough(new CompressionStream("gzip"))).blob();
  return inflated.slice(0, inflated.size, "application/octet-stream");
}
