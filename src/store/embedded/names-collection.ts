import { join } from "node:path";
import type { Catalogue } from "./catalogue.ts";
import { type Engine, parquet, turn } from "./duckdb.ts";
import type { Head } from "./head.ts";
import { emptyNames, markOf, type Names, type NamesMark, NO_NAMES, removeFiles, writeNames } from "./names-files.ts";
import type { StoreLimits } from "./settings.ts";
import { grown } from "./text-table.ts";

/** Share of a table's room from which on it is worth to look for what nothing refers to. */
const CROWDED = 0.75;
/** Nodes that are copied before others may run. */
const NODES_PER_TURN = 1 << 14;

/** Whether a table of names is nearly full. */
export function isCrowded({ stacks, frames }: Names): boolean {
  return Math.max(stacks.load, frames.load, frames.texts.load) > CROWDED;
}

/** Tables that take the place of others, and how much of them is in files. */
export interface Collected {
  readonly names: Names;
  readonly saved: NamesMark;
}

/**
 * Names without what no sample has any more: nodes that neither a block nor a head refers to, nor a node that is kept, and
 * the frames and texts that only those had. Nodes keep their numbers, so that no block is touched; frames and texts are
 * numbered anew, and all are written to new files.
 *
 * The old tables stay as they are, for answers that refer to them. What is killed before the last step has the old files,
 * and after it the new ones.
 */
export class NamesCollection {
  readonly #engine: Engine;
  readonly #catalogue: Catalogue;
  readonly #directory: string;
  readonly #old: Names;
  readonly #new: Names;
  readonly #signal: AbortSignal;
  /** By node: 1 if something refers to it. */
  #isUsed: Uint8Array<ArrayBuffer>;
  readonly #marked = new Set<number>();
  /** By number in the old table: the one in the new, 0 if it isn't there. */
  #frames: Uint32Array<ArrayBuffer>;

  constructor(
    engine: Engine,
    catalogue: Catalogue,
    directory: string,
    old: Names,
    limits: StoreLimits,
    signal: AbortSignal,
  ) {
    this.#engine = engine;
    this.#catalogue = catalogue;
    this.#directory = directory;
    this.#old = old;
    this.#new = emptyNames(limits);
    this.#signal = signal;
    this.#isUsed = new Uint8Array(old.stacks.length);
    this.#frames = new Uint32Array(old.frames.length);
  }

  /** Notes the stacks of all blocks that were not read yet. */
  async readBlocks(): Promise<void> {
    for (const block of this.#catalogue.blocks) {
      // What is damaged was set aside, and is never read again.
      if (block.isDamaged || this.#marked.has(block.id)) continue;
      // Totals and events have no other stacks than the rows that were made of the same samples.
      for (const { kind, path } of block.files) {
        if (kind !== "rows") continue;
        const sql = `SELECT stack FROM ${parquet([join(this.#directory, path)])}`;
        await this.#engine.read(sql, (chunk) => this.#use(chunk.numbers(0) as Uint32Array, chunk.length), this.#signal);
      }
      this.#marked.add(block.id);
    }
  }

  /**
   * Writes what is in use to files and resolves with the tables that go with them, which the catalogue has then. Nothing
   * may be flushed meanwhile; requests may come.
   *
   * @param head the only one
   * @param adopt called in the same turn in which the catalogue changes
   */
  async finish(head: Head, adopt: (collected: Collected) => void): Promise<readonly string[]> {
    await this.readBlocks();
    this.#readHead(head);
    const { stacks } = this.#new;
    stacks.reserve(this.#old.stacks.length);
    let copied = 0;
    for (const node of this.#missing()) {
      stacks.set(node, ...this.#meaning(node));
      if (++copied % NODES_PER_TURN === 0) await turn();
    }
    for (const _step of stacks.index()) await turn();
    const saved = markOf(this.#new);
    const addNames = await writeNames(this.#engine, this.#new, NO_NAMES, saved, this.#directory);
    const removeNames = this.#catalogue.names;
    try {
      this.#signal.throwIfAborted();
      // From here on in one turn. What requests brought since is in the head, but not in the files.
      this.#readHead(head);
      for (const node of this.#missing()) stacks.add(node, ...this.#meaning(node));
      this.#catalogue.commit({ addNames, removeNames });
    } catch (error) {
      await removeFiles(addNames, this.#directory);
      throw error;
    }
    adopt({ names: this.#new, saved });
    return removeNames.map(({ path }) => path);
  }

  #readHead({ chunks }: Head): void {
    for (const { node, length } of chunks) this.#use(node, length);
  }

  #use(nodes: Uint32Array, length: number): void {
    const known = this.#old.stacks.length;
    if (this.#isUsed.length < known) {
      const larger = new Uint8Array(known);
      larger.set(this.#isUsed);
      this.#isUsed = larger;
    }
    const isUsed = this.#isUsed;
    for (let at = 0; at < length; at++) isUsed[nodes[at]!] = 1;
  }

  /** Nodes in use that the new table lacks, callers first. */
  *#missing(): Generator<number> {
    const { parent } = this.#old.stacks;
    const { frame: copied } = this.#new.stacks;
    const isUsed = this.#isUsed;
    // Callers are numbered ahead of what they call: one pass from the end reaches all of them.
    for (let node = isUsed.length - 1; node > 0; node--) if (isUsed[node] === 1) isUsed[parent[node]!] = 1;
    for (let node = 1; node < isUsed.length; node++) if (isUsed[node] === 1 && !copied[node]) yield node;
  }

  /** Parent and frame of a node in the new table. */
  #meaning(node: number): [parent: number, frame: number] {
    const { parent, frame } = this.#old.stacks;
    return [parent[node]!, this.#frame(frame[node]!)];
  }

  #frame(old: number): number {
    if (old >= this.#frames.length) this.#frames = grown(this.#frames, this.#old.frames.length);
    return (this.#frames[old]! ||= this.#new.frames.internFrom(this.#old.frames, old));
  }
}
