/**
 * The lines of a row's timeline are what the row consists of. The API groups by labels, the tree has rows; this says which
 * labels make the lines that match a row's children, and which row a line is.
 */
import type { TreeLevel, TreeRow } from "../../../src/query/api.ts";

const LABELS: Readonly<Partial<Record<TreeLevel, string>>> = {
  cluster: "cluster",
  namespace: "namespace",
  workload: "workload_name",
  revision: "revision",
  pod: "pod",
  container: "container",
  process: "process",
};

/** Names of what isn't in a container, by the label `origin`; as the tree has them. */
const OUTSIDE: Readonly<Record<string, string>> = {
  host: "Host processes",
  kernel: "Kernel",
  unattributed: "Unattributed",
};

/** Value of `group_by`; undefined where a row has no parts. */
export function groupingOf(children: readonly TreeRow[]): string | undefined {
  const levels = new Set(children.filter(({ remainder }) => !remainder).map(({ level }) => level));
  const inside = [...levels].find((level) => LABELS[level] !== undefined);
  const label = inside && LABELS[inside];
  const isMixed = levels.has("host") || levels.has("kernel") || levels.has("unattributed");
  if (!isMixed) return label;
  return label === undefined ? "origin" : `origin,${label}`;
}

/** A line's name as people know it: of `container / shop` the part that says something. */
export function lineName(name: string): string {
  const [origin = "", inner] = name.split(" / ");
  if (OUTSIDE[origin] !== undefined) return OUTSIDE[origin];
  if (origin !== "container" || inner === undefined) return name === "" ? "Total" : name;
  return inner === "(none)" ? "Unnamed containers" : inner;
}

/** The query that selects a line: the row's, where there is one of that name, else the line's own. */
export function lineQuery(
  children: readonly TreeRow[],
  line: { readonly name: string; readonly query: string },
): string {
  const name = lineName(line.name);
  return children.find((row) => row.name === name && !row.remainder)?.query ?? line.query;
}
