/** Names of frames where there isn't room for all of them. */
import { fitName, frameKind, type FrameTable, shortNames } from "../flame/index.ts";

const USUAL_LENGTH = 36;

/** A name without what is said elsewhere: module paths and parameters go first. */
export function shortFrameName(frames: FrameTable, frame: number, length = USUAL_LENGTH): string {
  if (frame < 0) return "…";
  const text = frames.text(frame);
  return fitName(shortNames(text.name, frameKind(text)), length) || text.name || "(no name)";
}
