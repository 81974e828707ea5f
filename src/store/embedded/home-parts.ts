import type { HomeRange } from "./block-files.ts";
import { type Engine, parquet } from "./duckdb.ts";

/** Rows that are sorted at once: what the engine's memory holds with little spilling. */
const PART_ROWS = 24_000_000;
/** Above every home. */
const END = 2 ** 31;

/** Ranges of homes whose rows are about as many as can be sorted at once; one for all where they are few. */
export async function homeParts(engine: Engine, paths: readonly string[], rows: number): Promise<readonly HomeRange[]> {
  if (rows <= PART_ROWS) return [{ from: 0, to: END }];
  const counts: { home: number; rows: number }[] = [];
  const sql = `SELECT home, CAST(count(*) AS DOUBLE) FROM ${parquet(paths)} GROUP BY home ORDER BY home`;
  await engine.read(sql, (chunk) => {
    const [homes, found] = [chunk.numbers(0), chunk.numbers(1)];
    for (let row = 0; row < chunk.length; row++) counts.push({ home: homes[row]!, rows: found[row]! });
  });
  const parts: HomeRange[] = [];
  let from = 0;
  let sum = 0;
  for (const { home, rows: ofHome } of counts) {
    if (sum > 0 && sum + ofHome > PART_ROWS) {
      parts.push({ from, to: home });
      from = home;
      sum = 0;
    }
    sum += ofHome;
  }
  parts.push({ from, to: END });
  return parts;
}
