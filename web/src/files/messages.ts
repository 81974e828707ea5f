/** What the page and the worker that reads a file say to each other. Columns are copied or moved, never objects a node. */
import {
  type BuildOptions,
  type DiffScale,
  type FlameColumns,
  type FlameLayout,
  type FrameColumns,
  FrameTable,
  type FunctionTable,
  type Matches,
  type SearchProblem,
  type SearchQuery,
  StringBlock,
  type Transform,
} from "../flame/index.ts";
import type { ExportFormat } from "./export/export-format.ts";
import type { FileProgress, SampleTypeText } from "./file-profile.ts";

/** From the page. `id` comes back with the answer; `tree` is 0 for the file's own, else what a transformation gave. */
export type Request =
  | { readonly kind: "open"; readonly id: number; readonly file: Blob; readonly sampleType: number | undefined }
  | { readonly kind: "search"; readonly id: number; readonly tree: number; readonly query: SearchQuery }
  | { readonly kind: "functions"; readonly id: number; readonly tree: number }
  | {
      readonly kind: "export";
      readonly id: number;
      readonly graph: number | GraphMessage;
      readonly format: ExportFormat;
    }
  | {
      readonly kind: "transform";
      readonly id: number;
      readonly tree: number;
      readonly steps: readonly Transform[];
      readonly options: Pick<BuildOptions, "minShare" | "diffScale">;
    }
  | { readonly kind: "forget"; readonly tree: number };

/** A tree without its frames, which are the file's. */
export interface TreeMessage {
  readonly tree: number;
  readonly columns: FlameColumns;
  readonly layout: FlameLayout;
  readonly diffScale: DiffScale;
}

/** A FrameTable as plain columns: classes don't cross. */
export interface FrameMessage extends Omit<FrameColumns, "strings"> {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

/** A tree that the page has and the worker hasn't. */
export interface GraphMessage {
  readonly columns: FlameColumns;
  readonly frames: FrameMessage;
}

export interface OpenedMessage extends TreeMessage {
  readonly frames: FrameMessage;
  readonly format: string;
  readonly sampleTypes: readonly SampleTypeText[];
  readonly sampleType: number;
  readonly stacks: number;
  readonly ignored: number;
}

/** From the worker. */
export type Response =
  | { readonly kind: "progress"; readonly id: number; readonly progress: FileProgress }
  | { readonly kind: "opened"; readonly id: number; readonly opened: OpenedMessage }
  | { readonly kind: "tree"; readonly id: number; readonly tree: TreeMessage }
  | { readonly kind: "matches"; readonly id: number; readonly matches: Matches | SearchProblem }
  | { readonly kind: "functions"; readonly id: number; readonly functions: FunctionTable }
  | { readonly kind: "exported"; readonly id: number; readonly file: Blob }
  | { readonly kind: "failed"; readonly id: number; readonly message: string; readonly remedy: string };

export function frameMessage({ columns }: FrameTable): FrameMessage {
  const { strings, name, file, type, mapping, line } = columns;
  return { bytes: strings.bytes, offsets: strings.offsets, name, file, type, mapping, line };
}

export function frameTable({ bytes, offsets, ...columns }: FrameMessage): FrameTable {
  return new FrameTable({ ...columns, strings: new StringBlock(bytes, offsets) });
}
