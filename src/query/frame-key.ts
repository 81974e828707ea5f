import type { FlameFrame } from "./api.ts";

/** Levels that a path may have; addresses of 16 kB, which servers take, hold some fewer. */
export const MAX_FOCUS_LEVELS = 2048;

const SEPARATOR = ".";
const PATH = /^[0-9a-f]{8}(?:\.[0-9a-f]{8})*$/;

/**
 * Names a frame among its siblings: 32-bit FNV-1a of name, file, line, type and mapping in UTF-8, a zero byte after each,
 * as eight hexadecimal digits. Made of what an answer says about the frame, so that it means the same in the next answer
 * and in a link that is opened tomorrow.
 */
export function frameKey({ name, file, line, type, mapping }: FlameFrame): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode([name, file, Math.max(0, line), type, mapping, ""].join("\0"))) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** The parameter `focus` for the node at the end of these frames; the outermost first, the root of the graph left out. */
export function focusPath(frames: readonly FlameFrame[]): string {
  return frames.map(frameKey).join(SEPARATOR);
}

/** Keys of the frames on the way to a node; undefined for what is no path. */
export function parseFocusPath(text: string): readonly string[] | undefined {
  if (!PATH.test(text)) return undefined;
  const keys = text.split(SEPARATOR);
  return keys.length > MAX_FOCUS_LEVELS ? undefined : keys;
}
