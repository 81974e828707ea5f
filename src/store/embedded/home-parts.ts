import type { HomeRange } from "./block-files.ts";
import type { BlockFileKind } from "./catalogue.ts";
import { type Engine, parquet } from "./duckdb.ts";

/** Rows that are sorted at once: what the engine's memory holds with little spilling. Single samples are never summed up. */
const PART_ROWS = 8_000_000;
const PART_EVENTS = 6_000_000;
/** Above every home. */
const END = 2 ** 31;

/** Ranges of homes whose rows are about as many as can be sorted at once; one for all where they are few. */
export async function homeParts(
  engine: Engine,
  kind: BlockFileKind,
  paths: readonly string[],
): Promise<readonly HomeRange[]> {
  const most = kind === "events" ? PART_EVENTS : PART_ROWS;
  let all = 0;
  const counts: { home: number; rows: number }[] = [];
  const sql = `SELECT home, CAST(count(*) AS DOUBLE) FROM ${parquet(paths)} GROUP BY home ORDER BY home`;
  await engine.read(sql, (chunk) => {
    const [homes, found] = [chunk.numbers(0), chunk.numbers(1)];
    for (let row = 0; row < chunk.length; row++) {
      counts.push({ home: homes[row]!, rows: found[row]! });
      all += found[row]!;
    }
  });
  if (all <= most) return [{ from: 0, to: END }];
  const parts: HomeRange[] = [];
  let from = 0;
  let sum = 0;
  for (const { home, rows: ofHome } of counts) {
    if (sum > 0 && sum + ofHome > most) {
      parts.push({ from, to: home });
      from = home;
      sum = 0;
    }
    sum += ofHome;
  }
  parts.push({ from, to: END });
  return parts;
}
