// The readers that are shared with the command line are written for Node, and are checked with its types.
/// <reference types="node" />
import { ParseError, type ProfilesModel } from "#otlp";
import { parseCpuProfile, parsePerfScript, parseSpeedscope } from "../../../src/formats/plain.ts";
import { FileProblem, type FileProfile, type Report } from "./file-profile.ts";
import { readModels } from "./read-model.ts";
import { readOtlp } from "./read-otlp.ts";

/** Formats that are read into the profiles model, as on the command line. */
export type ModelledFormat = "speedscope" | "perf-script" | "cpuprofile" | "otlp";

/** Reads bytes of such a format. */
export async function readModelled(
  bytes: Uint8Array,
  format: ModelledFormat,
  sampleType: number | undefined,
  report: Report,
): Promise<FileProfile | FileProblem> {
  if (format === "otlp") {
    const read = await readOtlp(bytes);
    return read instanceof FileProblem ? read : readModels(read.models, read.format, sampleType, report);
  }
  const model = PARSERS[format](bytes);
  if (!(model instanceof ParseError)) return readModels([model], format, sampleType, report);
  return new FileProblem(`the ${format} file is broken: ${model.message}`, "record or convert it anew");
}

const PARSERS: Readonly<Record<Exclude<ModelledFormat, "otlp">, (bytes: Uint8Array) => ProfilesModel | ParseError>> = {
  speedscope: parseSpeedscope,
  "perf-script": parsePerfScript,
  cpuprofile: parseCpuProfile,
};
