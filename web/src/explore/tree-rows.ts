/**
 * Which rows of the Kubernetes tree are seen, in which order: opened and closed, filtered, sorted. Rows come as one list
 * in the order of a walk from the root, and leave as one.
 */
import type { TreeAnswer, TreeRow } from "../../../src/query/api.ts";
import { textMark } from "../state/text-mark.ts";

export interface VisibleRow {
  readonly row: TreeRow;
  /** Index into the answer's rows. */
  readonly index: number;
  /** Index of the row above in the hierarchy, -1 for the root. */
  readonly parent: number;
  /** Undefined for rows without children. */
  readonly open: boolean | undefined;
  /** From 1, among the siblings that are seen. */
  readonly position: number;
  readonly siblings: number;
}

export interface TreeOptions {
  readonly sort: "cores" | "name";
  /** Part of a name, in any case. Rows that have it are seen with all that is above them. */
  readonly filter: string;
  /** Marks (`rowMark`) of rows that are open although they usually aren't, and the other way round. */
  readonly toggled: ReadonlySet<string>;
  /** Query of the row that is selected: what is above it is open. */
  readonly selected: string;
}

/** Open unless closed: what leads to the workloads, which are what people look for. */
const USUALLY_OPEN: ReadonlySet<string> = new Set(["node", "cluster", "namespace"]);

/** What is open besides on a machine that runs no containers: its processes are all that there is. */
const NO_CONTAINERS: ReadonlySet<string> = new Set(["node", "host", "kernel", "unattributed", "process"]);

/** Short, stable name of a row for the address. */
export function rowMark(row: TreeRow): string {
  return textMark(`${row.level}\n${row.query}`);
}

/** The rows that are seen. */
export function visibleRows(answer: TreeAnswer, options: TreeOptions): readonly VisibleRow[] {
  const { rows } = answer;
  const { parents, children } = linksOf(rows);
  const kept = options.filter.trim() === "" ? undefined : keptBy(rows, parents, options.filter.trim().toLowerCase());
  const forced = ancestorsOf(rows, parents, options.selected);
  const opensHost = rows.every(({ level }) => NO_CONTAINERS.has(level));
  const seen: VisibleRow[] = [];
  const top = children[0]!.filter((index) => kept?.has(index) ?? true);
  const open = top.map((index) => ({ index, position: 1, siblings: 1 })).reverse();
  for (let next = open.pop(); next; next = open.pop()) {
    const row = rows[next.index]!;
    const below = children[next.index + 1]!.filter((child) => kept?.has(child) ?? true);
    const isUsuallyOpen = USUALLY_OPEN.has(row.level) || (opensHost && row.level === "host");
    const usual = isUsuallyOpen || forced.has(next.index) || kept !== undefined;
    const isOpen = below.length === 0 ? undefined : usual !== options.toggled.has(rowMark(row));
    seen.push({ row, ...next, parent: parents[next.index]!, open: isOpen });
    if (isOpen !== true) continue;
    if (options.sort === "name") below.sort((a, b) => compareNames(rows[a]!, rows[b]!));
    for (let i = below.length; i-- > 0;) open.push({ index: below[i]!, position: i + 1, siblings: below.length });
  }
  return seen;
}

/** The row of a selector, and all above it, outermost first; empty where no row is just that. */
export function pathTo(answer: TreeAnswer, query: string): readonly TreeRow[] {
  const { parents } = linksOf(answer.rows);
  let index = indexOf(answer.rows, query);
  const path: TreeRow[] = [];
  for (; index >= 0; index = parents[index]!) path.push(answer.rows[index]!);
  return path.reverse();
}

/** What a row consists of; heaviest first. Of a row that is all of its parent (the only cluster), what that consists of. */
export function partsOf(answer: TreeAnswer, query: string): readonly TreeRow[] {
  const { children } = linksOf(answer.rows);
  const below = (index: number): readonly number[] => children[index + 1]!;
  const index = indexOf(answer.rows, query);
  if (index < 0) return [];
  let parts = below(index);
  while (parts.length === 1 && below(parts[0]!).length > 0) parts = below(parts[0]!);
  return parts.map((part) => answer.rows[part]!);
}

/** Several rows may have one query (a pod with one container): the outermost is meant. */
function indexOf(rows: readonly TreeRow[], query: string): number {
  return rows.findIndex((row) => row.query === query && !row.remainder);
}

function linksOf(rows: readonly TreeRow[]): { parents: number[]; children: number[][] } {
  const parents: number[] = [];
  // One later than its row: those of no row stand first.
  const children: number[][] = [[]];
  const path: number[] = [];
  rows.forEach((row, index) => {
    path.length = Math.min(path.length, row.depth);
    const parent = path.at(-1) ?? -1;
    parents.push(parent);
    children.push([]);
    children[parent + 1]!.push(index);
    path.push(index);
  });
  return { parents, children };
}

function keptBy(rows: readonly TreeRow[], parents: readonly number[], filter: string): ReadonlySet<number> {
  const kept = new Set<number>();
  rows.forEach((row, index) => {
    if (!`${row.name} ${row.detail}`.toLowerCase().includes(filter)) return;
    for (let at = index; at >= 0 && !kept.has(at); at = parents[at]!) kept.add(at);
  });
  return kept;
}

function ancestorsOf(rows: readonly TreeRow[], parents: readonly number[], query: string): ReadonlySet<number> {
  const above = new Set<number>();
  const index = indexOf(rows, query);
  if (index < 0) return above;
  for (let at = parents[index]!; at >= 0; at = parents[at]!) above.add(at);
  return above;
}

function compareNames(a: TreeRow, b: TreeRow): number {
  return Number(a.remainder) - Number(b.remainder) || a.name.localeCompare(b.name, "en", { numeric: true });
}
