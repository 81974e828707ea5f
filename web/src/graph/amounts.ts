/** Values of a graph in words: cores where they are CPU time, in their unit, and as shares. */
import { coresOf, type FlameTree } from "../flame/index.ts";
import { formatCores, formatShare, formatValue } from "../format/quantities.ts";

/** A value of a tree in everything that it can be said in; absent parts are undefined. */
export interface Amount {
  readonly cores: string | undefined;
  readonly value: string;
  readonly share: string;
}

/** @param side which selection of a diff */
export function amountOf(tree: FlameTree, value: number, side: "first" | "other" = "first"): Amount {
  const whole = side === "other" ? (tree.other?.[0] ?? 0) : tree.total[0]!;
  const cores = coresOf(tree.measure, value, side === "other");
  return {
    cores: cores === undefined ? undefined : formatCores(cores),
    value: formatValue(value, tree.measure.unit),
    share: formatShare(whole > 0 ? value / whole : 0),
  };
}

/** `0.34 cores`, or the value where there are none. */
export function mainAmount({ cores, value }: Amount): string {
  return cores ?? value;
}

/** A change between two values, as share of each side's whole in points, or of the first. */
export function formatChange(
  first: number,
  other: number,
  wholes: { readonly first: number; readonly other: number },
  relative: boolean,
): string {
  if (first === 0 && other === 0) return "0";
  if (first === 0) return "new";
  if (other === 0) return "gone";
  const scale = relative && wholes.other > 0 ? wholes.first / wholes.other : 1;
  const change = (other * scale - first) / first;
  return `${change > 0 ? "+" : ""}${formatShare(change)}`;
}
