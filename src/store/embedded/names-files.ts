import { join } from "node:path";
import { writeParquet } from "./block-files.ts";
import type { NamesFile, NamesKind } from "./catalogue.ts";
import { type AppendColumn, type Engine, parquet } from "./duckdb.ts";
import { FRAME_WORDS, type FrameStore } from "./frame-store.ts";
import type { StackStore } from "./stack-store.ts";

/**
 * Stacks, frames and texts on disk: what came since the last flush goes to a new file each, sorted by number.
 *
 * - `nodes` (id, parent, frame), `frames` (id, name, file, line, type, mapping, address as hex), `texts` (id, text)
 */

const COLUMNS: Readonly<Record<NamesKind, string>> = {
  nodes: "id UINTEGER, parent UINTEGER, frame UINTEGER",
  frames: "id UINTEGER, name UINTEGER, file UINTEGER, line UINTEGER, type UINTEGER, mapping UINTEGER, address VARCHAR",
  texts: "id UINTEGER, text VARCHAR",
};
const BATCH = 1 << 14;
/** What stands for frames whose file is lost. */
const LOST = "names lost with a damaged file";

/** How far tables had grown at some time: the first number that was free. */
export interface NamesMark {
  readonly nodes: number;
  readonly frames: number;
  readonly texts: number;
}

export function markOf(stacks: StackStore, frames: FrameStore): NamesMark {
  return { nodes: stacks.length, frames: frames.length, texts: frames.texts.length };
}

/** Writes what is between two marks. */
export async function writeNames(
  engine: Engine,
  stacks: StackStore,
  frames: FrameStore,
  from: NamesMark,
  to: NamesMark,
  directory: string,
): Promise<readonly NamesFile[]> {
  const written: NamesFile[] = [];
  const batchesOf = { nodes: nodeBatches, frames: frameBatches, texts: textBatches };
  // Texts before the frames that have them before the stacks that have those.
  for (const kind of ["texts", "frames", "nodes"] as const) {
    const first = from[kind];
    const end = to[kind];
    if (first >= end) continue;
    const table = `new_${kind}`;
    await engine.execute(`CREATE OR REPLACE TABLE ${table} (${COLUMNS[kind]})`);
    await engine.append(table, batchesOf[kind](stacks, frames, first, end));
    const path = join("names", `${kind}-${first}-${end}.parquet`);
    const { bytes, crc } = await writeParquet(engine, `FROM ${table} ORDER BY id`, directory, path);
    await engine.execute(`DROP TABLE ${table}`);
    written.push({ kind, first, end, path, bytes, crc });
  }
  return written;
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
  stacks: StackStore,
  frames: FrameStore,
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
  return { nodes: endOf(files, "nodes"), frames: endOf(files, "frames"), texts: textEnd };
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
  const [name, type] = [frames.texts.internText(LOST), frames.texts.internText("truncated")];
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
  const parent = new Uint32Array(Math.max(1, end) + 4096);
  const frame = new Uint32Array(parent.length);
  await eachRow(engine, paths, "id, parent, frame", (chunk) => {
    const [ids, parents, called] = [chunk.numbers(0), chunk.numbers(1), chunk.numbers(2)];
    for (let row = 0; row < chunk.length; row++) {
      parent[ids[row]!] = parents[row]!;
      frame[ids[row]!] = called[row]!;
    }
  });
  const lost = frames.mark("truncated", LOST);
  for (let node = 1; node < end; node++) if (frame[node] === 0) frame[node] = lost;
  stacks.restore(parent, frame, Math.max(1, end));
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
  _frames: FrameStore,
  first: number,
  end: number,
): Generator<readonly AppendColumn[]> {
  for (let start = first; start < end; start += BATCH) {
    const stop = Math.min(end, start + BATCH);
    yield [range(start, stop), parent.subarray(start, stop), frame.subarray(start, stop)];
  }
}

function* frameBatches(
  _stacks: StackStore,
  { words }: FrameStore,
  first: number,
  end: number,
): Generator<readonly AppendColumn[]> {
  for (let start = first; start < end; start += BATCH) {
    const ids = range(start, Math.min(end, start + BATCH));
    const column = (word: number): Uint32Array => ids.map((id) => words[id * FRAME_WORDS + word]!);
    const hex = (id: number, word: number): string => words[id * FRAME_WORDS + word]!.toString(16).padStart(8, "0");
    // As text: an encoding of 64-bit numbers that all readers agree on doesn't exist among those that are small.
    const addresses = Array.from(ids, (id) => hex(id, 6) + hex(id, 5)).map((text) => (/[^0]/.test(text) ? text : ""));
    yield [ids, column(0), column(1), column(2), column(3), column(4), addresses];
  }
}

function* textBatches(
  _stacks: StackStore,
  { texts }: FrameStore,
  first: number,
  end: number,
): Generator<readonly AppendColumn[]> {
  for (let start = first; start < end; start += BATCH) {
    const ids = range(start, Math.min(end, start + BATCH));
    yield [ids, Array.from(ids, (id) => texts.text(id))];
  }
}

function range(start: number, end: number): Uint32Array {
  return Uint32Array.from({ length: end - start }, (_, at) => start + at);
}
