/**
 * Profiles from files, read in a worker: nothing leaves the machine, and the page stays free. Start with `openFile`.
 *
 *     const opened = await openFile(file, { signal, onProgress: ({ stage, done }) => … });   // FileProblem when broken
 *     view.setTree(opened.tree);
 *
 * Formats are told by their bytes: pprof, OTLP (every layout, JSON too), folded stacks, speedscope, perf script,
 * .cpuprofile, each also with gzip (zstd where the browser can). What reads them is `#formats` and `#otlp`, but for
 * pprof and folded stacks, which come in files of a million stacks and are read straight into columns.
 *
 *     saveAs(`profile${EXPORT_ENDINGS.pprof}`, await exportGraph(engine, "pprof"));      // of files and of the server's graphs
 */
export { EXPORT_ENDINGS, EXPORT_FORMATS, type ExportFormat } from "./export/export-format.ts";
export { exportGraph } from "./export/export-graph.ts";
export { FileProblem, type FileProgress, type SampleTypeText } from "./file-profile.ts";
export { openFile, type OpenedFile, type OpenOptions } from "./open-file.ts";
