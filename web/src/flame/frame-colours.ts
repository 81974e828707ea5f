import { type FlameTree, REMAINDER_FRAME, ROOT_FRAME } from "./flame-tree.ts";
import { frameKind, type FrameKind } from "./frame-kind.ts";
import type { FrameText } from "./frame-table.ts";
import { diffFill, kindFill, packageFill, PACKAGE_HUES, REMAINDER_FILL, ROOT_FILL, SHADES } from "./palette.ts";
import { packageOf } from "./package-name.ts";

/** By what boxes are coloured. `diff` needs a tree with two selections. */
export type ColourMode = "kind" | "package" | "diff";

/** Which fill of the palette each node of a tree has. What is computed of a frame is kept by frame, in a byte. */
export class FrameColours {
  readonly #tree: FlameTree;
  readonly #mode: ColourMode;
  /** Fill + 1 by frame; 0 is not computed. */
  readonly #fills: Uint8Array;
  /** By frame: 0 not computed, 1 a call, 2 stands for what was cut off. */
  readonly #truncated: Uint8Array;

  constructor(tree: FlameTree, mode: ColourMode) {
    this.#tree = tree;
    this.#mode = mode === "diff" && !tree.other ? "kind" : mode;
    this.#fills = new Uint8Array(tree.frames.length);
    this.#truncated = new Uint8Array(tree.frames.length);
  }

  fill(node: number): number {
    const frame = this.#tree.frame[node]!;
    if (frame === ROOT_FRAME) return ROOT_FILL;
    if (frame === REMAINDER_FRAME) return REMAINDER_FILL;
    if (this.#mode === "diff") return diffFill(changeOf(this.#tree, node));
    if (this.#fills[frame] === 0) this.#look(frame);
    return this.#fills[frame]! - 1;
  }

  /** Whether a node is hatched: the end of a truncated stack, and what is new or gone in a diff. */
  hatched(node: number): boolean {
    const frame = this.#tree.frame[node]!;
    if (frame < 0) return false;
    if (this.#tree.other && Math.abs(changeOf(this.#tree, node)) === 1) return true;
    if (this.#truncated[frame] === 0) this.#look(frame);
    return this.#truncated[frame] === 2;
  }

  /** Computes what is kept of a frame. */
  #look(frame: number): void {
    const text = this.#tree.frames.text(frame);
    const kind = frameKind(text);
    const fill = this.#mode === "package" ? fillOfPackage(text, kind) : kindFill(kind, hash(text.name) % SHADES);
    this.#fills[frame] = fill + 1;
    this.#truncated[frame] = kind === "truncated" ? 2 : 1;
  }
}

/** How a node differs between both selections: -1 it is gone, 1 it is new, else the change by the larger value. */
export function changeOf(tree: FlameTree, node: number): number {
  if (!tree.other) return 0;
  const before = tree.total[node]!;
  const after = tree.other[node]! * tree.otherScale;
  const larger = Math.max(before, after);
  return larger > 0 ? (after - before) / larger : 0;
}

/** A row of a legend. */
export interface LegendEntry {
  /** A kind, or a package's name. */
  readonly name: string;
  readonly kind: FrameKind | undefined;
  /** Index of `Palette.fills`. */
  readonly fill: number;
  /** Own values of such frames, as a share of the tree. 0…1. */
  readonly share: number;
}

function fillOfPackage(text: FrameText, kind: FrameKind): number {
  if (kind === "truncated" || kind === "unnamed" || kind === "process" || kind === "group") return kindFill(kind, 1);
  return packageFill(hash(packageOf(text)) % PACKAGE_HUES, hash(text.name) % SHADES);
}

/** Shares of own values by kind or package, the largest first, at most `limit` rows. For trees that are culled. */
export function legendOf(tree: FlameTree, mode: ColourMode, limit = 12): LegendEntry[] {
  if (mode === "diff") return [];
  const selfs = new Float64Array(tree.frames.length);
  for (let node = 1; node < tree.length; node++) {
    if (tree.frame[node]! >= 0) selfs[tree.frame[node]!]! += tree.self(node);
  }
  const found = new Map<string, { kind: FrameKind | undefined; fill: number; value: number }>();
  for (let frame = 0; frame < selfs.length; frame++) {
    if (selfs[frame] === 0) continue;
    const text = tree.frames.text(frame);
    const kind = frameKind(text);
    const name = mode === "kind" ? kind : packageOf(text);
    const entry = found.get(name);
    if (entry) entry.value += selfs[frame]!;
    else {
      const fill = mode === "kind" ? kindFill(kind, 1) : fillOfPackage(text, kind);
      found.set(name, { kind: mode === "kind" ? kind : undefined, fill, value: selfs[frame]! });
    }
  }
  const whole = tree.total[0]! > 0 ? tree.total[0]! : 1;
  return [...found]
    .sort(([, a], [, b]) => b.value - a.value)
    .slice(0, limit)
    .map(([name, { kind, fill, value }]) => ({ name, kind, fill, share: value / whole }));
}

/** FNV-1a over UTF-16 units: stable between sessions, so that a function keeps its colour. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
