import { detectByContent } from "./detect.ts";
import { readCpuProfile } from "./cpuprofile.ts";
import { writeFirefox } from "./firefox.ts";
import { writeFlameGraph } from "./flame-graph/write.ts";
import { readFolded, writeFolded } from "./folded.ts";
import type { Format, FormatName } from "./format.ts";
import { readPerfScript } from "./perf-script.ts";
import { readPprof } from "./pprof-reader.ts";
import { writePprof } from "./pprof-writer.ts";
import { readSpeedscope } from "./speedscope-reader.ts";
import { writeSpeedscope } from "./speedscope-writer.ts";

/** Every format that podflame reads or writes. */
export const FORMATS: readonly Format[] = [
  {
    name: "pprof",
    title: "pprof (profile.proto)",
    extensions: [".pb.gz", ".pprof", ".pb", ".prof"],
    mediaType: "application/octet-stream",
    text: false,
    read: readPprof,
    write: writePprof,
  },
  {
    name: "folded",
    title: "folded stacks",
    extensions: [".folded", ".collapsed", ".txt"],
    mediaType: "text/plain; charset=utf-8",
    text: true,
    read: readFolded,
    write: writeFolded,
  },
  {
    name: "speedscope",
    title: "speedscope",
    extensions: [".speedscope.json", ".speedscope"],
    mediaType: "application/json",
    text: true,
    read: readSpeedscope,
    write: writeSpeedscope,
  },
  {
    name: "firefox",
    title: "Firefox Profiler (processed JSON)",
    extensions: [".firefox.json"],
    mediaType: "application/json",
    text: true,
    write: writeFirefox,
  },
  {
    name: "perf-script",
    title: "output of perf script",
    extensions: [".perf", ".perf.txt", ".script"],
    mediaType: "text/plain; charset=utf-8",
    text: true,
    read: readPerfScript,
  },
  {
    name: "cpuprofile",
    title: "V8 CPU profile (node --cpu-prof)",
    extensions: [".cpuprofile"],
    mediaType: "application/json",
    text: true,
    read: readCpuProfile,
  },
  {
    name: "html",
    title: "flame graph (one HTML file)",
    extensions: [".html", ".htm"],
    mediaType: "text/html; charset=utf-8",
    text: true,
    write: writeFlameGraph,
  },
];

/** The format of that name, if it is one. */
export function formatNamed(name: string): Format | undefined {
  return FORMATS.find((format) => format.name === name);
}

/** The format that a file name ends like; longer endings win (`.speedscope.json` over `.json`). */
export function formatByFileName(fileName: string): Format | undefined {
  const whole = fileName.toLowerCase();
  const inner = whole.replace(/\.(?:gz|zst)$/, "");
  let best: { readonly format: Format; readonly length: number } | undefined;
  for (const format of FORMATS) {
    for (const extension of format.extensions) {
      const matches = whole.endsWith(extension) || inner.endsWith(extension);
      if (matches && extension.length > (best?.length ?? 0)) best = { format, length: extension.length };
    }
  }
  return best?.format;
}

/**
 * Tells what a file is from its bytes, compressed or not; the name only decides where the bytes leave it open. May be a
 * format that podflame only writes. Undefined for all else, OTLP of any layout among it: no request looks like pprof.
 */
export function detectFormat(bytes: Uint8Array, fileName?: string): FormatName | undefined {
  const detected = detectByContent(bytes);
  if (detected !== undefined || fileName === undefined) return detected;
  const named = formatByFileName(fileName);
  // A name cannot make text of what is binary.
  return named?.read && !(named.text && bytes.subarray(0, 4096).includes(0)) ? named.name : undefined;
}
