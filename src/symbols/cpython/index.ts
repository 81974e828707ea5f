/**
 * Names of CPython's frames, from the memory of the process: start with `layout.ts`, which finds the interpreter in a file,
 * then `cpython-names.ts`. Which frames there are is for the caller: the kernel program walks them.
 */
export { type CPythonLayout, type CPythonRefusal, readCPythonLayout } from "./layout.ts";
export { type CPythonCounters, CPythonNames } from "./cpython-names.ts";
export type { CPythonTypes } from "./objects.ts";
export type { CPythonOffsets } from "./offsets.ts";
