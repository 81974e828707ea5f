import { detectPlain } from "../../../src/formats/detect.ts";
import { FileProblem, type FileProfile, type FileProgress } from "./file-profile.ts";
import { inflateFile } from "./inflate-file.ts";
import { readFolded } from "./read-folded.ts";
import { readPprof } from "./read-pprof.ts";

/** Bytes that a format is told by. */
const HEAD_BYTES = 64 << 10;

/**
 * Reads a file of any format, compressed or not, told apart by its bytes. Broken files are an answer, whatever is wrong
 * with them. pprof and folded stacks, which come in large files, are read without going through the profiles model; the
 * code for all others is loaded when it is needed.
 */
export async function readFile(
  file: Blob,
  sampleType: number | undefined,
  report: (progress: FileProgress) => void,
): Promise<FileProfile | FileProblem> {
  const bytes = await inflateFile(file, (done) => report({ stage: "inflating", done }));
  if (bytes instanceof FileProblem) return bytes;
  if (bytes.length === 0) return new FileProblem("the file is empty", "choose another one");
  const reading = (done: number): void => report({ stage: "reading", done });
  reading(0);
  const format = detectPlain(bytes.subarray(0, HEAD_BYTES)) ?? "otlp";
  switch (format) {
    case "pprof":
      return readPprof(bytes, sampleType, reading);
    case "folded":
      return readFolded(bytes, reading);
    case "firefox":
      return new FileProblem(
        "files of the Firefox Profiler can be written, not read",
        "open it at profiler.firefox.com",
      );
    case "html":
      return new FileProblem("this is a flame graph as a page of its own", "open it as any page: double-click it");
    case "speedscope":
    case "perf-script":
    case "cpuprofile":
    case "otlp": {
      const { readModelled } = await import("./read-modelled.ts");
      return readModelled(bytes, format, sampleType, reading);
    }
  }
}
