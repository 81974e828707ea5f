/**
 * Profiles in the file formats of other tools, to and from the profiles model of `#otlp`. Start with `FORMATS`: each
 * has a name, its file endings, and `read` and `write` as far as podflame can; `detectFormat` tells what a file is.
 * Leaves out OTLP itself (`#otlp`), files and folders (the command line), and symbols: what has no name keeps its address.
 */
export {
  type Format,
  FORMAT_NAMES,
  type FormatName,
  type ReadOptions,
  type SampleTypeName,
  type WriteOptions,
} from "./format.ts";
export { detectFormat, formatByFileName, formatNamed, FORMATS } from "./formats.ts";
