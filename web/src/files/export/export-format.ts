/** Formats of other tools that a graph can be saved in, in the order of a menu. */
export const EXPORT_FORMATS = ["pprof", "otlp", "folded", "speedscope"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** How files of a format are called: what is put behind a name. */
export const EXPORT_ENDINGS: Readonly<Record<ExportFormat, string>> = {
  pprof: ".pb.gz",
  otlp: ".otlp.binpb",
  folded: ".folded",
  speedscope: ".speedscope.json",
};
