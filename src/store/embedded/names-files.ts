import { randomBytes } from "node:crypto";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeParquet } from "./block-files.ts";
import type { NamesFile, NamesKind } from "./catalogue.ts";
import { type AppendColumn, type Engine, parquet, turn } from "./duckdb.ts";
import { FRAME_WORDS, FrameStore } from "./frame-store.ts";
import type { StoreLimits } from "./settings.ts";
import { StackStore } from "./stack-store.ts";

/**
 * Stacks, frames and texts on disk: what came since the last flush goes to a new file each, sorted by number.
 *
 * - `nodes` (id, parent, frame), `frames` (id, name, file, line, type, mapping, address as hex), `texts` (id, text)
 *
 * A node without parent and frame stands for a number that was free when the file was written. A later file may have that
 * number with a frame, which is what it stands for then.
 */

/** What numbers of stacks mean: tables that belong together, and are replaced together by `collectNames`. */
export interface Names {
  readonly stacks: StackStore;
  readonly frames: FrameStore;
}

export function emptyNames({ stackNodes, frames: most, nameBytes }: StoreLimits): Names {
  const frames = new FrameStore(most, nameBytes);
  return { frames, stacks: new StackStore(stackNodes, (frame) => frames.isTruncated(frame)) };
}

const COLUMNS: Readonly<Record<NamesKind, string>> = {
  nodes: "id UINTEGER, parent UINTEGER, frame UINTEGER",
  frames: "id UINTEGER, name UINTEGER, file UINTEGER, line UINTEGER, type UINTEGER, mapping UINTEGER, address VARCHAR",
  texts: "id UINTEGER, text VARCHAR",
};
const BATCH = 1 << 14;
/** What stands for frames whose file is lost. */
const LOST = "names lost with a damaged file";

/** How far tables had grown at some time: the first number that was never used. */
export interface NamesMark {
  readonly nodes: number;
  /** Numbers of nodes below that which were free when the tables were made, and stand for something again. */
  readonly reused: number;
  readonly frames: number;
  readonly texts: number;
}

/** Of empty tables. */
export const NO_NAMES: NamesMark = { nodes: 1, reused: 0, frames: 1, texts: 1 };

export function markOf({ stacks, frames }: Names): NamesMark {
  return { nodes: stacks.length, reused: stacks.reused.length, frames: frames.length, texts: frames.texts.length };
}

/** Writes what is between two marks: all of it, or no file is left. */
export async function writeNames(
  engine: Engine,
  { stacks, frames }: Names,
  from: NamesMark,
  to: NamesMark,
  directory: string,
): Promise<readonly NamesFile[]> {
  const written: NamesFile[] = [];
  const reused = Uint32Array.from({ length: to.reused - from.reused }, (_, at) => stacks.reused.at(from.reused + at));
  const batchesOf = {
    nodes: () => nodeBatches(stacks, reused, from.nodes, to.nodes),
    frames: () => frameBatches(frames, from.frames, to.frames),
    texts: () => textBatches(frames, from.texts, to.texts),
  };
  // Texts before the frames that have them before the stacks that have those.
  for (const kind of ["texts", "frames", "nodes"] as const) {
    const [first, end] = [from[kind], to[kind]];
    if (first >= end && (kind !== "nodes" || reused.length === 0)) continue;
    const table = `new_${kind}`;
    const path = join("names", `${kind}-${first}-${end}-${randomBytes(4).toString("hex")}.parquet`);
    try {
      await engine.execute(`CREATE OR REPLACE TABLE ${table} (${COLUMNS[kind]})`);
      await engine.append(table, batchesOf[kind]());
      const { bytes, crc } = await writeParquet(engine, `FROM ${table} ORDER BY id`, directory, path);
      written.push({ kind, first, end, path, bytes, crc });
      await engine.execute(`DROP TABLE ${table}`);
    } catch (error) {
      await removeFiles(written, directory);
      throw error;
    }
  }
  return written;
}

/** Removes files that didn't come into the catalogue. */
export async function removeFiles(files: readonly NamesFile[], directory: string): Promise<void> {
  for (const { path } of files) await unlink(join(directory, path)).catch(() => undefined);
}

/** What several files of a kind become together. */
export function selectNames(paths: readonly string[]): string {
  return `FROM ${parquet(paths)} ORDER BY id`;
}

/**
 * Fills empty tables from files that are whole, and returns how far those go. Numbers that no file has stand for frames
 * that say that they are lost.
 */
export async function readNames(
  engine: Engine,
  files: readonly NamesFile[],
  directory: string,
  { stacks, frames }: Names,
): Promise<NamesMark> {
  const pathsOf = (kind: NamesKind): readonly string[] =>
    files.filter((file) => file.kind === kind).map(({ path }) => join(directory, path));
  const texts: string[] = [];
  await eachRow(engine, pathsOf("texts"), "id, text", (chunk) => {
    const ids = chunk.numbers(0);
    for (let at = 0; at < chunk.length; at++) texts[ids[at]!] = chunk.text(1, at);
  });
  const textEnd = endOf(files, "texts");
  for (let id = 1; id < textEnd; id++) frames.texts.append(texts[id] ?? "");
  await readFrames(engine, pathsOf("frames"), endOf(files, "frames"), frames);
  await readNodes(engine, pathsOf("nodes"), endOf(files, "nodes"), stacks, frames);
  return { nodes: endOf(files, "nodes"), reused: 0, frames: endOf(files, "frames"), texts: textEnd };
}

async function readFrames(engine: Engine, paths: readonly string[], end: number, frames: FrameStore): Promise<void> {
  const words = new Uint32Array((Math.max(end, 1) + 1024) * FRAME_WORDS);
  const known = new Uint8Array(end);
  await eachRow(engine, paths, "id, name, file, line, type, mapping, address", (chunk) => {
    const columns = [0, 1, 2, 3, 4, 5].map((column) => chunk.numbers(column));
    for (let row = 0; row < chunk.length; row++) {
      const id = columns[0]![row]!;
      const at = id * FRAME_WORDS;
      for (let word = 0; word < 5; word++) words[at + word] = columns[word + 1]![row]!;
      const address = chunk.text(6, row);
      words[at + 5] = address === "" ? 0 : Number.parseInt(address.slice(8), 16);
      words[at + 6] = address === "" ? 0 : Number.parseInt(address.slice(0, 8), 16);
      known[id] = 1;
    }
  });
  const [name, type] = [frames.texts.ownText(LOST), frames.texts.ownText("truncated")];
  for (let id = 1; id < end; id++) {
    if (known[id] === 1) continue;
    words[id * FRAME_WORDS] = name;
    words[id * FRAME_WORDS + 3] = type;
  }
  frames.restore(words, Math.max(1, end));
}

async function readNodes(
  engine: Engine,
  paths: readonly string[],
  end: number,
  stacks: StackStore,
  frames: FrameStore,
): Promise<void> {
  const isFree = new Uint8Array(end);
  stacks.reserve(end);
  await eachRow(engine, paths, "id, parent, frame", (chunk) => {
    const [ids, parents, called] = [chunk.numbers(0), chunk.numbers(1), chunk.numbers(2)];
    for (let row = 0; row < chunk.length; row++) {
      const id = ids[row]!;
      if (called[row] === 0) isFree[id] = 1;
      else stacks.set(id, parents[row]!, called[row]!);
    }
  });
  const lost = frames.ownMark("truncated", LOST);
  for (let node = 1; node < end; node++) if (stacks.frame[node] === 0 && isFree[node] === 0) stacks.set(node, 0, lost);
  for (const _step of stacks.index()) await turn();
}

function endOf(files: readonly NamesFile[], kind: NamesKind): number {
  return files.reduce((end, file) => (file.kind === kind ? Math.max(end, file.end) : end), 1);
}

async function eachRow(
  engine: Engine,
  paths: readonly string[],
  columns: string,
  each: Parameters<Engine["read"]>[1],
): Promise<void> {
  if (paths.length > 0) await engine.read(`SELECT ${columns} FROM ${parquet(paths)}`, each);
}

function* nodeBatches(
  { parent, frame }: StackStore,
  reused: Uint32Array,
  first: number,
  end: number,
): Generator<readonly AppendColumn[]> {
  if (reused.length > 0) yield [reused, reused.map((node) => parent[node]!), reused.map((node) => frame[node]!)];
  for (let start = first; start < end; start += BATCH) {
    const stop = Math.min(end, start + BATCH);
    yield [range(start, stop), parent.subarray(start, stop), frame.subarray(start, stop)];
  }
}

function* frameBatches({ words }: FrameStore, first: number, end: number): Generator<readonly AppendColumn[]> {
  for (let start = first; start < end; start += BATCH) {
    const ids = range(start, Math.min(end, start + BATCH));
    const column = (word: number): Uint32Array => ids.map((id) => words[id * FRAME_WORDS + word]!);
    const hex = (id: number, word: number): string => words[id * FRAME_WORDS + word]!.toString(16).padStart(8, "0");
    // As text: an encoding of 64-bit numbers that all readers agree on doesn't exist among those that are small.
    const addresses = Array.from(ids, (id) => hex(id, 6) + hex(id, 5)).map((text) => (/[^0]/.test(text) ? text : ""));
    yield [ids, column(0), column(1), column(2), column(3), column(4), addresses];
  }
}

function* textBatches({ texts }: FrameStore, first: number, end: number): Generator<readonly AppendColumn[]> {
  for (let start = first; start < end; start += BATCH) {
    const ids = range(start, Math.min(end, start + BATCH));
    yield [ids, Array.from(ids, (id) => texts.text(id))];
  }
}

function range(start: number, end: number): Uint32Array {
  return Uint32Array.from({ length: end - start }, (_, at) => start + at);
}
