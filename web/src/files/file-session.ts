import {
  buildTree,
  FlameTree,
  findMatchesInStacks,
  type FrameTable,
  functionsOf,
  type StackTable,
  stacksOf,
  transformStacks,
} from "../flame/index.ts";
import { exportStacks } from "./export/export-stacks.ts";
import { FileProblem, type FileProfile } from "./file-profile.ts";
import {
  type FrameMessage,
  frameMessage,
  frameTable,
  type GraphMessage,
  type Request,
  type Response,
  type TreeMessage,
} from "./messages.ts";
import { readFile } from "./read-file.ts";

/** Sends a response; `move` are buffers that this side needs no more. */
export type Send = (response: Response, move: readonly ArrayBufferLike[]) => void;

/** What is kept of a tree that went to the page: what search and transformations read. */
interface KeptTree {
  readonly stacks: StackTable;
  readonly nodeFrames: Int32Array;
  readonly measure: FlameTree["measure"];
}

/** The worker's side of a file: reads it, builds its trees, and answers about them. Never throws. */
export class FileSession {
  readonly #send: Send;
  readonly #trees = new Map<number, KeptTree>();
  #frames: FrameTable | undefined;
  #lastTree = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  async handle(request: Request): Promise<void> {
    try {
      await this.#answer(request);
    } catch (error) {
      if (request.kind === "forget") return;
      if (error instanceof FileProblem) return this.#fail(request.id, error);
      const message = error instanceof Error ? error.message : String(error);
      const memory = error instanceof RangeError;
      this.#fail(
        request.id,
        memory
          ? new FileProblem(
              `there is not enough memory for this file: ${message}`,
              "close other pages, or aggregate the profile first",
            )
          : new FileProblem(`working on the file failed: ${message}`, "please report it with the file"),
      );
    }
  }

  #fail(id: number, { message, remedy }: FileProblem): void {
    this.#send({ kind: "failed", id, message, remedy }, []);
  }

  async #answer(request: Request): Promise<void> {
    switch (request.kind) {
      case "open":
        return this.#open(request.id, request.file, request.sampleType);
      case "forget":
        this.#trees.delete(request.tree);
        return;
      case "search": {
        const { stacks, nodeFrames } = this.#kept(request.tree);
        const matches = findMatchesInStacks(stacks, nodeFrames, this.#table(), request.query);
        const move = "problem" in matches ? [] : [matches.frames.buffer, matches.nodes.buffer];
        return this.#send({ kind: "matches", id: request.id, matches }, move);
      }
      case "functions": {
        const functions = functionsOf(this.#kept(request.tree).stacks, this.#table());
        return this.#send({ kind: "functions", id: request.id, functions }, [
          functions.self.buffer,
          functions.total.buffer,
        ]);
      }
      case "export": {
        const { stacks, frames, measure } = this.#graph(request.graph);
        const file = await exportStacks(request.format, stacks, frames, measure);
        return this.#send({ kind: "exported", id: request.id, file }, []);
      }
      case "transform": {
        const { measure, ...kept } = this.#kept(request.tree);
        let { stacks } = kept;
        for (const step of request.steps) stacks = transformStacks(stacks, this.#table(), step);
        const tree = buildTree(stacks, this.#table(), measure, request.options);
        const { message, move } = this.#keep(tree, stacks);
        return this.#send({ kind: "tree", id: request.id, tree: message }, move);
      }
    }
  }

  async #open(id: number, file: Blob, sampleType: number | undefined): Promise<void> {
    const profile = await readFile(file, sampleType, (progress) => this.#send({ kind: "progress", id, progress }, []));
    if (profile instanceof FileProblem) return this.#fail(id, profile);
    this.#frames = profile.frames;
    const tree = buildTree(profile.stacks, profile.frames, measureOf(profile), {
      onProgress: (done) => this.#send({ kind: "progress", id, progress: { stage: "merging", done } }, []),
    });
    const { message, move } = this.#keep(tree, profile.stacks);
    const { format, sampleTypes, ignored, stacks } = profile;
    // Names stay here for searches. What isn't moved the page's thread copies, and stands still for that.
    const frames = copied(frameMessage(profile.frames));
    const opened = {
      ...message,
      frames,
      format,
      sampleTypes,
      sampleType: profile.sampleType,
      stacks: stacks.length,
      ignored,
    };
    this.#send({ kind: "opened", id, opened }, [...move, ...buffersOf(frames)]);
  }

  /** Remembers what questions need, and gives all else away. */
  #keep(tree: FlameTree, stacks: StackTable): { message: TreeMessage; move: ArrayBufferLike[] } {
    const number = this.#lastTree++;
    const { columns, layout, diffScale } = tree;
    this.#trees.set(number, { stacks, nodeFrames: columns.frame.slice(), measure: tree.measure });
    const move = new Set(
      [columns.frame, columns.firstChild, columns.total, layout.x, layout.levels].map(({ buffer }) => buffer),
    );
    return { message: { tree: number, columns, layout, diffScale }, move: [...move] };
  }

  #kept(tree: number): KeptTree {
    const kept = this.#trees.get(tree);
    if (!kept) throw new Error(`tree ${tree} was closed`);
    return kept;
  }

  /** What is to be saved: a tree that was kept, or one that came with the request. */
  #graph(graph: number | GraphMessage): Pick<KeptTree, "stacks" | "measure"> & { readonly frames: FrameTable } {
    if (typeof graph === "number") return { ...this.#kept(graph), frames: this.#table() };
    const frames = frameTable(graph.frames);
    const stacks = stacksOf(new FlameTree(graph.columns, frames));
    if (!stacks) {
      throw new FileProblem("the graph is too large and too deep to be saved as stacks", "narrow the selection");
    }
    return { stacks, frames, measure: graph.columns.measure };
  }

  #table(): FrameTable {
    if (!this.#frames) throw new Error("no file was opened");
    return this.#frames;
  }
}

function copied({ bytes, offsets, name, file, type, mapping, line }: FrameMessage): FrameMessage {
  return {
    bytes: bytes.slice(),
    offsets: offsets.slice(),
    name: name.slice(),
    file: file.slice(),
    type: type.slice(),
    mapping: mapping.slice(),
    line: line.slice(),
  };
}

function buffersOf({ bytes, offsets, name, file, type, mapping, line }: FrameMessage): readonly ArrayBufferLike[] {
  return [bytes, offsets, name, file, type, mapping, line].map(({ buffer }) => buffer);
}

function measureOf({ sampleTypes, sampleType, coveredMs }: FileProfile): Omit<FlameTree["measure"], "omitted"> {
  const { type, unit } = sampleTypes[sampleType]!;
  return { type, unit, coveredMs, otherCoveredMs: undefined };
}
