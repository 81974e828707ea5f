/** How much one side of a comparison used. */
import type { ServerFlame } from "../api/flame-graphs.ts";
import { coresOf } from "../flame/index.ts";

export function coresUsed(
  { engine: { tree } }: ServerFlame,
  side: "first" | "other",
): { value: number; cores: number | undefined } {
  const value = side === "other" ? (tree.other?.[0] ?? 0) : tree.total[0]!;
  return { value, cores: coresOf(tree.measure, value, side === "other") };
}
