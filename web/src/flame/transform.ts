import type { FrameTable } from "./frame-table.ts";
import { type StackTable, StackTableBuilder } from "./stack-table.ts";

/** One step from a graph to another one. Steps apply in order. Frames are told by name, so that a URL can keep them. */
export type Transform =
  /** Bottom-up: the functions that values are in become outermost, with their callers below them. */
  | { readonly kind: "invert" }
  /** A function that calls itself, directly or through others, stands once: at its outermost call. */
  | { readonly kind: "collapse-recursion" }
  /** Frames of that name vanish; what they called belongs to their callers. */
  | { readonly kind: "hide"; readonly name: string }
  /** Only stacks with that frame, from its outermost call on: what a function calls, all places merged. */
  | { readonly kind: "focus"; readonly name: string }
  /** Only stacks without that frame. */
  | { readonly kind: "drop"; readonly name: string }
  /** Who calls a function: it is outermost, its callers are below it. With `focus` this is a sandwich. */
  | { readonly kind: "callers"; readonly name: string };

/**
 * Applies one step to stacks. Nothing but frames moves: a stack keeps its value or goes as a whole.
 *
 * `collapse-recursion` cuts out what lies between the outermost and the innermost call of a function, the latter
 * included, so that its callees at any depth merge; frames are taken in their order from the outermost.
 */
export function transformStacks(stacks: StackTable, frames: FrameTable, transform: Transform): StackTable {
  const builder = new StackTableBuilder(stacks.others !== undefined);
  const edit = editOf(transform, frames);
  for (let stack = 0; stack < stacks.length; stack++) {
    const kept = edit(stacks.frames, stacks.offsets[stack]!, stacks.offsets[stack + 1]!, builder);
    // A stack that isn't kept counts nothing, and goes.
    builder.close(kept ? stacks.values[stack]! : 0, kept && stacks.others ? stacks.others[stack]! : 0);
  }
  return builder.finish();
}

/** Writes the frames `[start, end)` of a stack to a builder, edited; false where the stack goes. */
type Edit = (frames: Int32Array, start: number, end: number, to: StackTableBuilder) => boolean;

function editOf(transform: Transform, table: FrameTable): Edit {
  switch (transform.kind) {
    case "invert":
      return (frames, start, end, to) => {
        for (let at = end - 1; at >= start; at--) to.push(frames[at]!);
        return true;
      };
    case "collapse-recursion":
      return collapse(table.length);
    case "hide": {
      const named = framesNamed(table, transform.name);
      return (frames, start, end, to) => {
        for (let at = start; at < end; at++) if (named[frames[at]!] !== 1) to.push(frames[at]!);
        return true;
      };
    }
    case "drop": {
      const named = framesNamed(table, transform.name);
      return (frames, start, end, to) => {
        for (let at = start; at < end; at++) {
          if (named[frames[at]!] === 1) return false;
          to.push(frames[at]!);
        }
        return true;
      };
    }
    case "focus": {
      const named = framesNamed(table, transform.name);
      return (frames, start, end, to) => {
        let from = start;
        while (from < end && named[frames[from]!] !== 1) from++;
        for (let at = from; at < end; at++) to.push(frames[at]!);
        return from < end;
      };
    }
    case "callers": {
      const named = framesNamed(table, transform.name);
      return (frames, start, end, to) => {
        let from = start;
        while (from < end && named[frames[from]!] !== 1) from++;
        for (let at = from; from < end && at >= start; at--) to.push(frames[at]!);
        return from < end;
      };
    }
  }
}

/** Positions of frames in the stack at hand are kept by frame, so a stack of any depth takes one pass each way. */
function collapse(frameCount: number): Edit {
  const lastAt = new Int32Array(frameCount);
  return (frames, start, end, to) => {
    for (let at = start; at < end; at++) if (frames[at]! >= 0) lastAt[frames[at]!] = at;
    for (let at = start; at < end; at++) {
      const frame = frames[at]!;
      to.push(frame);
      if (frame >= 0) at = lastAt[frame]!;
    }
    return true;
  };
}

/** 1 by frame of that name. Compared as bytes: a million names need not become strings. */
function framesNamed({ length, columns }: FrameTable, name: string): Uint8Array {
  const { bytes, offsets } = columns.strings;
  const wanted = new TextEncoder().encode(name);
  const found = new Uint8Array(length);
  for (let frame = 0; frame < length; frame++) {
    const text = columns.name[frame]!;
    const start = offsets[text]!;
    if (offsets[text + 1]! - start !== wanted.length) continue;
    let same = 0;
    while (same < wanted.length && bytes[start + same] === wanted[same]) same++;
    if (same === wanted.length) found[frame] = 1;
  }
  return found;
}
