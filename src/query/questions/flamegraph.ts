import type { Coverage, FlameFrame, TopAnswer } from "../api.ts";
import { CallerTree } from "../flame/caller-tree.ts";
import { Columns } from "../flame/column-memory.ts";
import type { FlameHeader } from "../flame/flame-answer.ts";
import type { Functions, Granularity } from "../flame/function-table.ts";
import { functionTotals, visitOutermost } from "../flame/function-totals.ts";
import { prune, type PrunedTree, type PruneLimits } from "../flame/prune.ts";
import { type Side, type StackSource, stackSources } from "../flame/stack-source.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf, sumByAttribution } from "./coverage.ts";
import type { Selection } from "./selection.ts";
import { type SelectedStacks, sumStacks } from "./stacks.ts";

/** How stacks become a graph. */
export interface GraphOptions {
  /** Labels whose values become the outermost frames. */
  readonly groupBy: readonly string[];
  readonly granularity: Granularity;
}

/** The second selection of a diff. */
export interface Comparison {
  readonly other: Selection;
  /** The second one is scaled to the sum of the first, so that shares are compared. */
  readonly isRelative: boolean;
}

/** All stacks of a selection, or of two. */
export interface Graph {
  readonly sources: readonly StackSource[];
  readonly functions: Functions;
  readonly header: FlameHeader;
}

/** A graph whose columns serve the next one when it is disposed of. */
export type HeldGraph = Graph & Disposable;

/** A graph as it is sent. */
export interface ShownGraph {
  readonly header: FlameHeader;
  readonly tree: PrunedTree;
}

/** Entries from which on it is worth to keep the columns of a tree: it has a few megabytes. */
const LARGE = 1 << 17;

/** Sums the stacks of a selection up; of two for a diff. */
export async function graphOf(
  context: QueryContext,
  selection: Selection,
  { groupBy, granularity }: GraphOptions,
  comparison: Comparison | undefined,
  signal: AbortSignal,
): Promise<HeldGraph> {
  const sum = (of: Selection): Promise<SelectedStacks> => sumStacks(context, of, groupBy, "stack", signal);
  const [first, second] = await Promise.all([sum(selection), comparison ? sum(comparison.other) : undefined]);
  const functions = context.functions.of(granularity, first.sums.frames);
  const entries = first.entries.length + (second?.entries.length ?? 0);
  const isLarge = entries >= LARGE;
  const columns = isLarge ? context.columns.take() : new Columns();
  const held = (graph: Graph): HeldGraph => ({
    ...graph,
    [Symbol.dispose]: () => {
      if (isLarge) context.columns.give(columns);
    },
  });
  const sourcesOf = (stacks: SelectedStacks, side: Side, scale = 1): readonly StackSource[] => {
    const { groups, sums } = stacks;
    const underOf = (group: number): number => functions.intern(groupFrame(groupBy, groups.list[group]!.values));
    const options = { side, scale, columns, ...(groupBy.length === 0 ? {} : { underOf }) };
    return stackSources(sums.nodes, stacks.entries, functions.numbering(sums.frames), options);
  };
  const sources = [...sourcesOf(first, "first")];
  const coverage = coverageOfStacks(context, first);
  const { id, unit, isCpuTime } = selection.type;
  const header = { type: id, unit, cores: isCpuTime, coverage };
  if (!second) return held({ sources, functions, header });
  const sumOfSecond = sumByAttribution(second.groups, second.entries).total;
  const scale = comparison?.isRelative === true && sumOfSecond > 0 ? coverage.total / sumOfSecond : 1;
  const others = sourcesOf(second, "second", scale);
  const otherCoverage = coverageOfStacks(context, second);
  return held({ sources: [...sources, ...others], functions, header: { ...header, otherCoverage } });
}

/** The heaviest part of a graph. */
export function show({ sources, functions, header }: Graph, limits: PruneLimits): ShownGraph {
  return { header, tree: prune(sources, functions, limits, header.otherCoverage !== undefined) };
}

/** Functions by their value, heaviest first. */
export function topOf({ sources, functions, header }: Graph, limit: number): TopAnswer {
  const first = functionTotals(sources, "first");
  const second = header.otherCoverage ? functionTotals(sources, "second") : undefined;
  const total = (at: number): number => (first.total[at] ?? 0) + (second?.total[at] ?? 0);
  const self = (at: number): number => (first.self[at] ?? 0) + (second?.self[at] ?? 0);
  const order: number[] = [];
  for (let at = 0; at < functions.length; at++) {
    if (functions.kindOf(at) === "call" && total(at) > 0) order.push(at);
  }
  order.sort((a, b) => self(b) - self(a) || total(b) - total(a) || a - b);
  const rows = order.slice(0, limit).map((at) => ({
    frame: functions.at(at),
    total: first.total[at] ?? 0,
    self: first.self[at] ?? 0,
    ...(second ? { otherTotal: second.total[at] ?? 0, otherSelf: second.self[at] ?? 0 } : {}),
  }));
  const { type, unit, cores, coverage } = header;
  return { type, unit, cores, rows, omitted: order.length - rows.length, coverage };
}

/** What calls a function, as a tree that begins with it and goes on with its callers; and what it calls. */
export function sandwichOf(graph: Graph, name: string): { readonly callers: Graph; readonly callees: Graph } {
  const { functions } = graph;
  const sources = graph.sources.filter(({ side }) => side === "first");
  const { otherCoverage: _otherCoverage, ...header } = graph.header;
  const verdicts = new Map<number, boolean>();
  const isWanted = (called: number): boolean => {
    let verdict = verdicts.get(called);
    if (verdict === undefined) {
      verdict = functions.kindOf(called) === "call" && functions.at(called).name === name;
      verdicts.set(called, verdict);
    }
    return verdict;
  };
  const callers = new CallerTree();
  const callees = sources.map((source) => {
    const { tree, functionOf } = source;
    const found: number[] = [];
    visitOutermost(source, isWanted, (node) => {
      found.push(node);
      let caller = callers.child(0, functionOf(node));
      const { parent } = tree;
      for (let at = parent[node]!; at !== 0; at = parent[at]!) caller = callers.child(caller, functionOf(at));
      callers.add(caller, tree.totalOf(node));
    });
    return { ...source, under: -1, tree: tree.below(found) };
  });
  return {
    callers: { functions, header, sources: [callers.source()] },
    callees: { functions, header, sources: callees },
  };
}

function groupFrame(names: readonly string[], values: readonly string[]): FlameFrame {
  const shown = values.map((value) => (value === "" ? "(none)" : value)).join(" / ");
  return { name: shown, file: names.join(", "), line: 0, type: "group", mapping: "" };
}

function coverageOfStacks({ store }: QueryContext, { groups, sums, entries, plan }: SelectedStacks): Coverage {
  const { nodes } = sums;
  let truncated = 0;
  for (let at = 0; at < entries.length; at++) if (nodes.isMarked(entries.node[at]!)) truncated += entries.value[at]!;
  return coverageOf(store, plan, sumByAttribution(groups, entries), truncated);
}
