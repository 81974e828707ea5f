/**
 * A graph while it is looked at: the tree after all that was done to it (inverted, hidden, …), its functions, what a
 * search found, what is zoomed to, selected and pointed at. Signals, so that canvas, table, breadcrumb and panel say the
 * same. Answers of engines may come late; only the newest counts.
 */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import {
  type FlameEngine,
  type FlameHit,
  type FunctionTable,
  type Matches,
  type SearchQuery,
  type Transform,
} from "../flame/index.ts";

/** What the pointer is over, and where on the canvas (CSS pixels). */
export interface Hover {
  readonly hit: FlameHit;
  readonly x: number;
  readonly y: number;
}

export class GraphSession {
  /** What is shown: the base after all steps. */
  readonly shown = signal<FlameEngine | undefined>(undefined);
  readonly functions = signal<FunctionTable | undefined>(undefined);
  readonly matches = signal<Matches | undefined>(undefined);
  /** Why a search can't be run. */
  readonly searchProblem = signal("");
  /** Why the graph can't be shown as asked. */
  readonly problem = signal("");
  /** Nodes of the shown tree. */
  readonly zoomed = signal(0);
  readonly selected = signal(-1);
  readonly hover = signal<Hover | undefined>(undefined);
  /** Frame that the table points at, -1 for none. */
  readonly highlighted = signal(-1);
  /** Frame of the selected node, or -1. */
  readonly selectedFrame: ReadonlySignal<number> = computed(() => {
    const tree = this.shown.value?.tree;
    const node = this.selected.value;
    return tree && node > 0 && node < tree.length ? tree.frame[node]! : -1;
  });
  #steps = 0;
  #search = 0;

  /** Shows an engine's tree after these steps. */
  async show(base: FlameEngine, steps: readonly Transform[]): Promise<void> {
    const turn = ++this.#steps;
    const shown = steps.length === 0 ? base : await base.transform(steps);
    if (turn !== this.#steps) return;
    if (!shown) {
      this.problem.value = "This graph is too large and too deep for that: narrow the selection first.";
      return;
    }
    batch(() => {
      this.problem.value = "";
      this.shown.value = shown;
      this.hover.value = undefined;
      this.highlighted.value = -1;
    });
    const functions = await shown.functions().catch(() => undefined);
    if (turn === this.#steps) this.functions.value = functions;
  }

  /** Marks what matches; an empty text ends that. */
  async search(engine: FlameEngine, query: SearchQuery): Promise<void> {
    const turn = ++this.#search;
    const found = query.text === "" ? undefined : await engine.search(query);
    if (turn !== this.#search) return;
    batch(() => {
      this.searchProblem.value = found && "problem" in found ? found.problem : "";
      this.matches.value = found && !("problem" in found) ? found : undefined;
    });
  }
}
