/** The graph that is on the page, for what lies outside of it: the menu that shares and exports. */
import { signal } from "@preact/signals";
import type { FlameEngine, FlameView } from "../flame/index.ts";

export interface ShownGraph {
  readonly engine: FlameEngine;
  /** Draws it; undefined while only the table is shown. */
  readonly view: FlameView | undefined;
  /** For file names and captions. */
  readonly title: string;
}

export const shownGraph = signal<ShownGraph | undefined>(undefined);
