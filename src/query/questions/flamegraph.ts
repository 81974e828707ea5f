import type { FlameHeader } from "../flame/flame-answer.ts";
import { FunctionTable, type Granularity } from "../flame/function-table.ts";
import { functionTotals, outermostNodes } from "../flame/function-totals.ts";
import { MergedTree } from "../flame/merged-tree.ts";
import { prune, type PrunedTree, type PruneLimits } from "../flame/prune.ts";
import type { Coverage, FlameFrame, TopAnswer } from "../api.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf, sumByAttribution } from "./coverage.ts";
import type { Selection } from "./selection.ts";
import { addStacks, type SelectedStacks, sumStacks } from "./stacks.ts";

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

/** All stacks of a selection, or of two, merged. */
export interface Graph {
  readonly tree: MergedTree;
  readonly functions: readonly FlameFrame[];
  readonly header: FlameHeader;
}

/** A graph as it is sent. */
export interface ShownGraph {
  readonly header: FlameHeader;
  readonly tree: PrunedTree;
}

/** Merges the stacks of a selection; of two for a diff. */
export async function graphOf(
  context: QueryContext,
  selection: Selection,
  options: GraphOptions,
  comparison: Comparison | undefined,
  signal: AbortSignal,
): Promise<Graph> {
  const sum = (of: Selection): Promise<SelectedStacks> => sumStacks(context, of, options.groupBy, "stack", signal);
  const [first, second] = await Promise.all([sum(selection), comparison ? sum(comparison.other) : undefined]);
  const functions = new FunctionTable(options.granularity);
  const tree = new MergedTree(second !== undefined);
  const frameOf = ({ groups }: SelectedStacks): ((group: number) => number) | undefined =>
    options.groupBy.length === 0
      ? undefined
      : (group) => functions.intern(groupFrame(options.groupBy, groups.list[group]!.values));
  addStacks(tree, functions, first, frameOf(first));
  if (second) addStacks(tree, functions, second, frameOf(second), "second");
  const coverage = coverageOfStacks(context, first, tree, functions);
  const otherCoverage = second ? coverageOfStacks(context, second, tree, functions, "second") : undefined;
  if (comparison?.isRelative === true && otherCoverage !== undefined && otherCoverage.total > 0) {
    tree.scaleOther(coverage.total / otherCoverage.total);
  }
  tree.round();
  const { id, unit, isCpuTime } = selection.type;
  const header = { type: id, unit, cores: isCpuTime, coverage, ...(otherCoverage ? { otherCoverage } : {}) };
  return { tree, functions: functions.list, header };
}

/** The heaviest part of a graph. */
export function show({ tree, functions, header }: Graph, limits: PruneLimits): ShownGraph {
  return { header, tree: prune(tree, functions, limits) };
}

/** Functions by their value, heaviest first. */
export function topOf({ tree, functions, header }: Graph, limit: number): TopAnswer {
  const first = functionTotals(tree, functions.length);
  const second = tree.otherSelf ? functionTotals(tree, functions.length, "second") : undefined;
  const order = functions
    .map((_function, at) => at)
    .filter((at) => isCall(functions[at]!) && first.total[at]! + (second?.total[at] ?? 0) > 0);
  const rank = (at: number): number => first.self[at]! + (second?.self[at] ?? 0);
  const rankTotal = (at: number): number => first.total[at]! + (second?.total[at] ?? 0);
  order.sort((a, b) => rank(b) - rank(a) || rankTotal(b) - rankTotal(a) || a - b);
  const rows = order.slice(0, limit).map((at) => ({
    frame: functions[at]!,
    total: first.total[at]!,
    self: first.self[at]!,
    ...(second ? { otherTotal: second.total[at]!, otherSelf: second.self[at]! } : {}),
  }));
  const { type, unit, cores, coverage } = header;
  return { type, unit, cores, rows, omitted: order.length - rows.length, coverage };
}

/** What calls a function, as a tree that begins with it and goes on with its callers; and what it calls. */
export function sandwichOf(graph: Graph, name: string): { readonly callers: Graph; readonly callees: Graph } {
  const { tree, functions, header } = graph;
  const wanted = functions.map((frame) => frame.name === name && isCall(frame));
  const totals = tree.totals();
  const callers = new MergedTree();
  const callees = new MergedTree();
  /** Node of `callees` by node of the tree; 0 for those that the function didn't call. */
  const below = new Int32Array(tree.length);
  for (const node of outermostNodes(tree, (frame) => wanted[frame]!)) {
    let caller = callers.child(0, tree.frame[node]!);
    for (let at = tree.parent[node]!; at !== 0; at = tree.parent[at]!) caller = callers.child(caller, tree.frame[at]!);
    callers.addSelf(caller, totals[node]!);
    below[node] = callees.child(0, tree.frame[node]!);
  }
  for (let node = 1; node < tree.length; node++) {
    const caller = below[tree.parent[node]!]!;
    if (below[node] === 0 && caller !== 0) below[node] = callees.child(caller, tree.frame[node]!);
    if (below[node] !== 0) callees.addSelf(below[node]!, tree.self[node]!);
  }
  return { callers: { ...graph, tree: callers, header }, callees: { ...graph, tree: callees, header } };
}

/** Processes, groups and marks are no functions. */
function isCall({ type }: FlameFrame): boolean {
  return type !== "process" && type !== "truncated" && type !== "group";
}

function groupFrame(names: readonly string[], values: readonly string[]): FlameFrame {
  const shown = values.map((value) => (value === "" ? "(none)" : value)).join(" / ");
  return { name: shown, file: names.join(", "), line: 0, type: "group", mapping: "" };
}

function coverageOfStacks(
  { store }: QueryContext,
  { groups, entries, plan }: SelectedStacks,
  tree: MergedTree,
  functions: FunctionTable,
  side?: "second",
): Coverage {
  const totals = tree.totals(side);
  let truncated = 0;
  for (let node = 1; node < tree.length; node++) {
    if (functions.list[tree.frame[node]!]!.type === "truncated") truncated += totals[node]!;
  }
  return coverageOf(store, plan, sumByAttribution(groups, entries), truncated);
}
