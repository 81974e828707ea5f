/**
 * Profiles from files, read in a worker: nothing leaves the machine, and the page stays free. Start with `openFile`.
 */
export { FileProblem, type FileProgress, openFile, type OpenedFile, type OpenOptions } from "./open-file.ts";
