import type { FlameTree } from "./flame-tree.ts";
import type { FrameTable } from "./frame-table.ts";
import type { StackTable } from "./stack-table.ts";
import type { StringBlock } from "./string-block.ts";

/** What is searched for in frame names. */
export interface SearchQuery {
  readonly text: string;
  /** `text` is a regular expression of JavaScript, rather than a part of the name. */
  readonly regex: boolean;
  /** Default false. */
  readonly caseSensitive?: boolean;
}

/** What a search found. The arrays may be shared: nobody changes them. */
export interface Matches {
  readonly query: SearchQuery;
  /** 1 by frame that matches. */
  readonly frames: Uint8Array;
  readonly frameCount: number;
  /** Matching nodes, ascending, so breadth first; at most `MAX_MATCHED_NODES`. */
  readonly nodes: Int32Array;
  /** All of them. */
  readonly nodeCount: number;
  /** Value under matching nodes, a match inside a match counted once. */
  readonly total: number;
  readonly other: number;
  /** `total` and `other` of the root's. 0…1. */
  readonly share: number;
}

/** Why a search cannot run: a broken regular expression. */
export interface SearchProblem {
  readonly problem: string;
}

/** Nodes that `Matches.nodes` holds at most: 16 MiB. */
export const MAX_MATCHED_NODES = 4 << 20;

/** Longer expressions are refused. */
const MAX_REGEX_LENGTH = 1000;

/** Finds frames by name and the nodes that show them. An empty text finds nothing. */
export function findMatches(tree: FlameTree, query: SearchQuery): Matches | SearchProblem {
  const frames = matchingFrames(tree.frames, query);
  return frames instanceof Uint8Array ? matchNodes(tree, query, frames) : frames;
}

/** 1 by frame whose name matches. */
export function matchingFrames(frames: FrameTable, query: SearchQuery): Uint8Array | SearchProblem {
  const found = new Uint8Array(frames.length);
  if (query.text === "") return found;
  const texts = textsThatMatch(frames.columns.strings, query);
  if (!(texts instanceof Uint8Array)) return texts;
  const { name } = frames.columns;
  for (let frame = 0; frame < found.length; frame++) found[frame] = texts[name[frame]!]!;
  return found;
}

/** 1 by text that matches: each is looked at once, however many frames have it as a name. */
function textsThatMatch(strings: StringBlock, query: SearchQuery): Uint8Array | SearchProblem {
  // Letters beyond ASCII have cases that bytes don't tell.
  if (!query.regex && isAscii(query.text)) return textsWith(strings, query.text, query.caseSensitive === true);
  const test = query.regex ? regexTest(query) : textTest(query);
  if (typeof test !== "function") return test;
  return Uint8Array.from({ length: strings.length }, (_, text) => (test(strings.text(text)) ? 1 : 0));
}

/**
 * Finds ASCII in all texts at once, as one string with a letter a byte: of a million names none becomes a string of its
 * own, and places in the string are places in the bytes.
 */
function textsWith(strings: StringBlock, wanted: string, caseSensitive: boolean): Uint8Array {
  const { offsets, length } = strings;
  const found = new Uint8Array(length);
  const all = caseSensitive ? bytewise.decode(strings.bytes) : lowerCase(strings);
  const letters = caseSensitive ? wanted : wanted.toLowerCase();
  let text = 0;
  for (let at = all.indexOf(letters); at >= 0; at = all.indexOf(letters, at)) {
    while (offsets[text + 1]! <= at) text++;
    if (at + letters.length > offsets[text + 1]!) {
      // The end of one text and the beginning of the next.
      at++;
      continue;
    }
    found[text] = 1;
    at = offsets[text + 1]!;
  }
  return found;
}

/** A letter of UTF-16 for each byte. */
const bytewise = new TextDecoder("windows-1252", { ignoreBOM: true });

/** Of all texts, as keystrokes come in a row; goes with its table. Letters of one byte have lower cases of one letter. */
const lowered = new WeakMap<StringBlock, string>();

function lowerCase(strings: StringBlock): string {
  let text = lowered.get(strings);
  if (text === undefined) {
    text = bytewise.decode(strings.bytes).toLowerCase();
    lowered.set(strings, text);
  }
  return text;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

function regexTest({ text, caseSensitive }: SearchQuery): ((name: string) => boolean) | SearchProblem {
  if (text.length > MAX_REGEX_LENGTH) return { problem: `longer than ${MAX_REGEX_LENGTH} characters` };
  try {
    const regex = new RegExp(text, caseSensitive === true ? "u" : "iu");
    return (name) => regex.test(name);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function textTest({ text, caseSensitive }: SearchQuery): (name: string) => boolean {
  if (caseSensitive === true) return (name) => name.includes(text);
  const lower = text.toLowerCase();
  return (name) => name.toLowerCase().includes(lower);
}

/** Nodes of matching frames, and the value under them. */
function matchNodes(tree: FlameTree, query: SearchQuery, frames: Uint8Array): Matches {
  const { length, frame, firstChild, total, other } = tree;
  // Whether a node lies under a match is known from its parent, which came before.
  const covered = new Uint8Array(length);
  let totalSum = 0;
  let otherSum = 0;
  for (let node = 0; node < length; node++) {
    const own = frame[node]!;
    if (own >= 0 && frames[own] === 1 && covered[node] === 0) {
      totalSum += total[node]!;
      if (other) otherSum += other[node]!;
      covered[node] = 1;
    }
    if (covered[node] === 1)
      for (let child = firstChild[node]!; child < firstChild[node + 1]!; child++) covered[child] = 1;
  }
  const whole = total[0]! + (other?.[0] ?? 0);
  return { ...matched(query, frames, frame), ...sums(totalSum, otherSum, whole) };
}

/**
 * As `findMatches`, of the stacks that a tree was built from and the tree's column of frames: one pass over each, with
 * less memory than the tree takes. For trees of millions of nodes.
 */
export function findMatchesInStacks(
  stacks: StackTable,
  nodeFrames: Int32Array,
  table: FrameTable,
  query: SearchQuery,
): Matches | SearchProblem {
  const frames = matchingFrames(table, query);
  if (!(frames instanceof Uint8Array)) return frames;
  const { length, offsets, frames: ids, values, others } = stacks;
  let totalSum = 0;
  let otherSum = 0;
  let whole = 0;
  for (let stack = 0; stack < length; stack++) {
    const value = values[stack]!;
    const other = others ? others[stack]! : 0;
    whole += value + other;
    const end = offsets[stack + 1]!;
    for (let at = offsets[stack]!; at < end; at++) {
      if (frames[ids[at]!] !== 1) continue;
      totalSum += value;
      otherSum += other;
      break;
    }
  }
  return { ...matched(query, frames, nodeFrames), ...sums(totalSum, otherSum, whole) };
}

function sums(total: number, other: number, whole: number): Pick<Matches, "total" | "other" | "share"> {
  return { total, other, share: whole > 0 ? (total + other) / whole : 0 };
}

/** The nodes of matching frames. */
function matched(
  query: SearchQuery,
  frames: Uint8Array,
  nodeFrames: Int32Array,
): Pick<Matches, "query" | "frames" | "frameCount" | "nodes" | "nodeCount"> {
  let frameCount = 0;
  for (let frame = 0; frame < frames.length; frame++) frameCount += frames[frame]!;
  let nodeCount = 0;
  if (frameCount > 0)
    for (let node = 0; node < nodeFrames.length; node++) if (frames[nodeFrames[node]!] === 1) nodeCount++;
  const nodes = new Int32Array(Math.min(nodeCount, MAX_MATCHED_NODES));
  for (let node = 0, at = 0; at < nodes.length; node++) if (frames[nodeFrames[node]!] === 1) nodes[at++] = node;
  return { query, frames, frameCount, nodes, nodeCount };
}
