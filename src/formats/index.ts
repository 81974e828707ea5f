/**
 * Profiles in the file formats of other tools, to and from the profiles model of `#otlp`. Start with `FORMATS`: each
 * has a name, its file endings, and `read` and `write` as far as podflame can; `detectFormat` tells what a file is.
 * For pages, without Node and without compression: `plain.ts`.
 * Leaves out OTLP itself (`#otlp`), files and folders (the command line), and symbols: what has no name keeps its address.
 */
export { readCpuProfile } from "./cpuprofile.ts";
export { writeFirefox } from "./firefox.ts";
export { writeFlameGraph } from "./flame-graph/write.ts";
export { readFolded, writeFolded } from "./folded.ts";
export {
  type Format,
  FORMAT_NAMES,
  type FormatName,
  type ReadOptions,
  type SampleTypeName,
  type WriteOptions,
} from "./format.ts";
export { detectFormat, formatByFileName, formatNamed, FORMATS } from "./formats.ts";
export { type Frame, Frames } from "./frames.ts";
export { beginsAsJson, isJsonSpace } from "./json.ts";
export { readPerfScript } from "./perf-script.ts";
export { readPprof } from "./pprof-reader.ts";
export { writePprof } from "./pprof-writer.ts";
export { chooseSampleType, sampleTypes } from "./sample-types.ts";
export { sampleValue } from "./sample-values.ts";
export { readSpeedscope } from "./speedscope-reader.ts";
export { writeSpeedscope } from "./speedscope-writer.ts";
