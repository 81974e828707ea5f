import { UnwindEnd } from "#symbols";
import { RecordFlag } from "../sampler/record.ts";

/**
 * Why callers are missing at the end of a stack, by number; 0 stands for none missing. What labels of metrics and
 * attributes say, and what a viewer shows.
 */
export const TRUNCATIONS = [
  { reason: "none", text: "" },
  { reason: "frame_pointers", text: "no frame pointers" },
  { reason: "no_unwind_data", text: "no unwind data" },
  { reason: "bad_unwind_data", text: "unreadable unwind data" },
  { reason: "copy_limit", text: "deeper than the copied stack" },
  { reason: "copy_failed", text: "unreadable stack" },
  { reason: "copy_budget", text: "too many stacks to copy" },
  { reason: "copy_no_room", text: "no room for a copied stack" },
  { reason: "other_stack", text: "goes on on another stack" },
  { reason: "no_code", text: "caller is no code" },
  { reason: "bad_frame", text: "impossible frame" },
  { reason: "frame_limit", text: "too many frames" },
] as const;

/** Numbers of `TRUNCATIONS`. */
export const Truncation = {
  None: 0,
  FramePointers: 1,
  NoUnwindData: 2,
  BadUnwindData: 3,
  CopyLimit: 4,
  CopyFailed: 5,
  CopySpent: 6,
  CopyNoRoom: 7,
  OtherStack: 8,
  NoCode: 9,
  BadFrame: 10,
  FrameLimit: 11,
} as const;

const OF_UNWIND_END: Readonly<Record<number, number>> = {
  [UnwindEnd.Root]: Truncation.None,
  [UnwindEnd.NoUnwindData]: Truncation.NoUnwindData,
  [UnwindEnd.BadUnwindData]: Truncation.BadUnwindData,
  [UnwindEnd.CopyEnd]: Truncation.CopyLimit,
  [UnwindEnd.OtherStack]: Truncation.OtherStack,
  [UnwindEnd.NoCode]: Truncation.NoCode,
  [UnwindEnd.BadFrame]: Truncation.BadFrame,
  [UnwindEnd.FrameLimit]: Truncation.FrameLimit,
};

/**
 * What the kernel's walk along frame pointers lacks, by the flags of its record. One whose stack should have been copied
 * may lack callers even if it came to a root.
 */
export function truncationOfWalk(flags: number): number {
  if ((flags & RecordFlag.CopySpent) !== 0) return Truncation.CopySpent;
  if ((flags & RecordFlag.CopyNoRoom) !== 0) return Truncation.CopyNoRoom;
  if ((flags & RecordFlag.CopyFailed) !== 0) return Truncation.CopyFailed;
  if ((flags & RecordFlag.Rooted) !== 0) return Truncation.None;
  return (flags & RecordFlag.FrameLimit) !== 0 ? Truncation.FrameLimit : Truncation.FramePointers;
}

/** What an unwound stack lacks: one of `UnwindEnd`, and the flags of the record that held the copy. */
export function truncationOfUnwinding(end: number, flags: number): number {
  if (end === UnwindEnd.CopyEnd && (flags & RecordFlag.CopyFailed) !== 0) return Truncation.CopyFailed;
  return OF_UNWIND_END[end] ?? Truncation.BadFrame;
}
