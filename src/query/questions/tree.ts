import type { Matcher, SeriesSpan } from "#store";
import type { TreeAnswer, TreeLevel, TreeRow } from "../api.ts";
import { formatSelector } from "../selector/format-selector.ts";
import type { QueryContext } from "./context.ts";
import { coresOf, coverageOf, coveredTime, sumByAttribution } from "./coverage.ts";
import { groupSeries, type SeriesGroup } from "./groups.ts";
import { equal, PLACE_LABELS, type PlaceLabel, stepsOf } from "./places.ts";
import { PROCESS_LABEL, type Selection } from "./selection.ts";
import { combined, processAt, type SelectedStacks, sumStacks, truncatedIn } from "./stacks.ts";
import { niceStep } from "./steps.ts";

export interface TreeOptions {
  /** Rows at most; remainders come on top. */
  readonly limit: number;
  /** Steps of the small timelines, about. */
  readonly sparkSlots: number;
}

/** A row while the tree grows. */
interface Branch {
  readonly level: TreeLevel;
  readonly name: string;
  readonly detail: string;
  readonly matchers: readonly Matcher[];
  readonly children: Map<string, Branch>;
  readonly spark: Float64Array;
  value: number;
}

/**
 * Everything of a selection by where it ran: cluster, namespace, workload, revision, pod, container, process; besides
 * them host processes, the kernel, and what is not attributed, so that the rows of a level add up to the one above.
 */
export async function treeOf(
  context: QueryContext,
  selection: Selection,
  options: TreeOptions,
  signal: AbortSignal,
): Promise<TreeAnswer> {
  const { store } = context;
  const { type, range } = selection;
  const step = niceStep((range.to - range.from) / options.sparkSlots);
  const [stacks, sparks] = await Promise.all([
    sumStacks(context, selection, PLACE_LABELS, "process", signal),
    sparklines(context, selection, step, signal),
  ]);
  const root = branch("node", rootName(stacks.groups.list), "", [], sparks.slots);
  growValues(root, stacks);
  // A timeline knows no processes, so that of a selection of some would be the one of all.
  if (selection.process.length === 0) growSparks(root, sparks);
  const time = coveredTime(store, stacks.plan);
  const rows = new RowList(root, options.limit, (value) => (type.isCpuTime ? coresOf(value, time) : undefined));
  return {
    type: type.id,
    unit: type.unit,
    ...rows.list(),
    sparkline: { start: sparks.start, step: sparks.step },
    coverage: coverageOf(store, stacks.plan, sumByAttribution(stacks.groups, stacks.entries), truncatedIn(stacks)),
  };
}

interface Sparklines {
  readonly start: number;
  readonly step: number;
  readonly slots: number;
  readonly groups: readonly SeriesGroup[];
  readonly values: Float64Array;
}

async function sparklines(
  context: QueryContext,
  selection: Selection,
  step: number,
  signal: AbortSignal,
): Promise<Sparklines> {
  const { type, range } = selection;
  const groups = await groupSeries(context, selection, PLACE_LABELS);
  const timeline = await context.store.timeline({ type: type.id, range, spans: groups.spans, step, signal });
  return { ...timeline, groups: groups.list };
}

function growValues(root: Branch, stacks: SelectedStacks): void {
  const { groups, sums } = stacks;
  const entries = combined(stacks);
  for (let at = 0; at < entries.length; at++) {
    const value = entries.value[at]!;
    // Snapshots in which there was nothing are of no process.
    if (value === 0) continue;
    const path = pathTo(root, groups.list[entries.group[at]!]!);
    const { name } = processAt(sums, entries.node[at]!);
    const shown = name === "" ? "(unknown process)" : name;
    path.push(descend(path.at(-1)!, "process", shown, "", [equal(PROCESS_LABEL, name)]));
    for (const each of path) each.value += value;
  }
}

function growSparks(root: Branch, { groups, values, slots }: Sparklines): void {
  groups.forEach((group, number) => {
    const own = values.subarray(number * slots, (number + 1) * slots);
    if (own.every((value) => value === 0)) return;
    for (const { spark } of pathTo(root, group)) for (let slot = 0; slot < slots; slot++) spark[slot]! += own[slot]!;
  });
}

/** The rows from the root to a place, made where they aren't there yet. */
function pathTo(root: Branch, { values }: SeriesGroup): Branch[] {
  const path = [root];
  for (const { level, name, detail, matchers } of stepsOf((label) => values[POSITION.get(label)!]!)) {
    path.push(descend(path.at(-1)!, level, name, detail, matchers));
  }
  return path;
}

const POSITION: ReadonlyMap<PlaceLabel, number> = new Map(PLACE_LABELS.map((name, at) => [name, at]));

function descend(from: Branch, level: TreeLevel, name: string, detail: string, matchers: readonly Matcher[]): Branch {
  const key = `${level}\n${formatSelector(matchers)}`;
  let found = from.children.get(key);
  if (!found) {
    const slots = level === "process" ? 0 : from.spark.length;
    found = branch(level, name, detail, [...from.matchers, ...matchers], slots);
    from.children.set(key, found);
  }
  return found;
}

function branch(level: TreeLevel, name: string, detail: string, matchers: readonly Matcher[], slots: number): Branch {
  return { level, name, detail, matchers, children: new Map(), spark: new Float64Array(slots), value: 0 };
}

/** The host's name, where all series are of one. */
function rootName(groups: readonly Pick<SeriesSpan, "labels">[]): string {
  const nodes = new Set(groups.map(({ labels }) => labels.get("k8s_node_name") ?? labels.get("host_name") ?? ""));
  const [only = ""] = nodes;
  return nodes.size === 1 && only !== "" ? only : "Everything";
}

/** Rows in the order of a walk, the heaviest ones only. */
class RowList {
  readonly #rows: TreeRow[] = [];
  readonly #root: Branch;
  readonly #kept: ReadonlySet<Branch>;
  readonly #coresOf: (value: number) => number | undefined;
  #omitted = 0;

  constructor(root: Branch, limit: number, cores: (value: number) => number | undefined) {
    this.#root = root;
    this.#coresOf = cores;
    this.#kept = heaviest(root, limit);
  }

  list(): Pick<TreeAnswer, "rows" | "omitted"> {
    this.#add(this.#root, 0);
    return { rows: this.#rows, omitted: this.#omitted };
  }

  #add(row: Branch, depth: number): void {
    const { level, name, detail, matchers, spark, value } = row;
    const children = sortedChildren(row);
    const kept = children.filter((child) => this.#kept.has(child));
    const left = children.filter((child) => !this.#kept.has(child));
    this.#rows.push({
      level,
      depth,
      name,
      detail,
      value,
      query: formatSelector(matchers),
      cores: this.#coresOf(value),
      share: this.#share(value),
      spark: Array.from(spark),
      children: kept.length + (left.length > 0 ? 1 : 0),
      remainder: false,
    });
    for (const child of kept) this.#add(child, depth + 1);
    if (left.length > 0) this.#addRemainder(left, depth + 1);
  }

  #addRemainder(left: readonly Branch[], depth: number): void {
    const value = left.reduce((sum, child) => sum + child.value, 0);
    const spark = new Float64Array(left[0]!.spark.length);
    for (const child of left) child.spark.forEach((slot, at) => (spark[at]! += slot));
    this.#omitted += left.reduce((sum, child) => sum + countOf(child), 0);
    this.#rows.push({
      level: left[0]!.level,
      depth,
      name: `${left.length} more`,
      detail: "",
      query: "",
      value,
      cores: this.#coresOf(value),
      share: this.#share(value),
      spark: Array.from(spark),
      children: 0,
      remainder: true,
    });
  }

  #share(value: number): number {
    return this.#root.value === 0 ? 0 : value / this.#root.value;
  }
}

function sortedChildren({ children }: Branch): Branch[] {
  return [...children.values()].sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
}

/** The heaviest rows. No row outweighs the one above it, and of equals the upper one is taken first. */
function heaviest(root: Branch, limit: number): ReadonlySet<Branch> {
  // In the order of levels, which sorting by value keeps among equals.
  const all = [root];
  for (const { children } of all) all.push(...children.values());
  return new Set(all.sort((a, b) => b.value - a.value).slice(0, Math.max(1, limit)));
}

function countOf({ children }: Branch): number {
  let count = 1;
  for (const child of children.values()) count += countOf(child);
  return count;
}
