/** Which functions a table shows, in which order. */
import { type FlameTree, frameKind, type FunctionTable, type Matches } from "../flame/index.ts";
import type { PageState } from "../state/page-state.ts";

export interface FunctionRow {
  readonly frame: number;
  readonly self: number;
  readonly total: number;
  /** Of the second selection; 0 without one. */
  readonly otherSelf: number;
  readonly otherTotal: number;
  /** Change of the total as a share of the larger one: -1 gone … 1 new. */
  readonly change: number;
}

export interface FunctionList {
  readonly rows: readonly FunctionRow[];
  /** Functions that fit but are not in `rows`. */
  readonly omitted: number;
}

export interface FunctionListOptions {
  readonly sort: PageState["tableSort"];
  readonly changes: PageState["changes"];
  /** Only these, where something is searched for. */
  readonly matches: Matches | undefined;
  readonly limit: number;
}

/** Changes below this are noise rather than a change. */
const LEAST_CHANGE = 0.05;

/** Processes and other frames that are no functions stay out. */
export function listFunctions(tree: FlameTree, table: FunctionTable, options: FunctionListOptions): FunctionList {
  const { sort, changes, matches, limit } = options;
  const rows: FunctionRow[] = [];
  for (let frame = 0; frame < table.total.length; frame++) {
    const total = table.total[frame]!;
    const otherTotal = table.otherTotal?.[frame] ?? 0;
    if (total <= 0 && otherTotal <= 0) continue;
    if (matches && matches.frames[frame] !== 1) continue;
    const scaled = otherTotal * tree.otherScale;
    const change = tree.other ? (scaled - total) / Math.max(scaled, total) : 0;
    if (!passes(change, changes)) continue;
    rows.push({ frame, self: table.self[frame]!, total, otherSelf: table.otherSelf?.[frame] ?? 0, otherTotal, change });
  }
  const { otherScale } = tree;
  const both =
    sort === "self"
      ? (row: FunctionRow) => row.self + row.otherSelf * otherScale
      : (row: FunctionRow) => row.total + row.otherTotal * otherScale;
  const amount = sort === "change" ? (row: FunctionRow) => Math.abs(row.otherTotal * otherScale - row.total) : both;
  rows.sort(
    sort === "name"
      ? (a, b) => compare(tree.frames.name(a.frame), tree.frames.name(b.frame))
      : (a, b) => amount(b) - amount(a) || b.total - a.total || a.frame - b.frame,
  );
  const isFunction = ({ frame }: FunctionRow): boolean => !NO_FUNCTIONS.has(frameKind(tree.frames.text(frame)));
  const shown: FunctionRow[] = [];
  let at = 0;
  for (; at < rows.length && shown.length < limit; at++) if (isFunction(rows[at]!)) shown.push(rows[at]!);
  return { rows: shown, omitted: rows.length - at };
}

const NO_FUNCTIONS: ReadonlySet<string> = new Set(["process", "group", "truncated"]);

function passes(change: number, changes: PageState["changes"]): boolean {
  switch (changes) {
    case "all":
      return true;
    case "new":
      return change === 1;
    case "gone":
      return change === -1;
    case "changed":
      return Math.abs(change) >= LEAST_CHANGE && Math.abs(change) < 1;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
