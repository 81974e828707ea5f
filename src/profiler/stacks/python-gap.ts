import { RecordFlag } from "../sampler/record.ts";

/**
 * Why functions of Python are missing in a stack, by number; 0 stands for none missing. What labels of metrics and attributes
 * say, and what a viewer shows in their place.
 */
export const PYTHON_GAPS = [
  { reason: "none", text: "" },
  { reason: "version", text: "unknown version" },
  { reason: "free_threaded", text: "free-threaded build" },
  { reason: "interpreters", text: "several interpreters" },
  { reason: "unreadable", text: "unreadable frames" },
  { reason: "frame_limit", text: "too many frames" },
  { reason: "mismatch", text: "frames that don't fit the native ones" },
  { reason: "replaced", text: "function that is gone" },
] as const;

/** Numbers of `PYTHON_GAPS`. */
export const PythonGap = {
  None: 0,
  Version: 1,
  FreeThreaded: 2,
  Interpreters: 3,
  Unreadable: 4,
  FrameLimit: 5,
  Mismatch: 6,
  /** Of a single function: its code object was freed before it could be looked at. */
  Replaced: 7,
} as const;

/** What the kernel's walk through Python's frames lacks, by the flags of its record. */
export function gapOfWalk(flags: number): number {
  if ((flags & RecordFlag.Interpreters) !== 0) return PythonGap.Interpreters;
  if ((flags & RecordFlag.InterpreterLimit) !== 0) return PythonGap.FrameLimit;
  return (flags & RecordFlag.InterpreterLost) !== 0 ? PythonGap.Unreadable : PythonGap.None;
}
