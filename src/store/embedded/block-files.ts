import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { BlockFile, BlockFileKind } from "./catalogue.ts";
import { publish, UNFINISHED } from "./durable-files.ts";
import { type Engine, parquet, quoted } from "./duckdb.ts";
import { RAW_TICK_MS, type Tier } from "./tiers.ts";

/**
 * The files of a block, as SQL. Each is a Parquet file that any reader can use:
 *
 * - `rows` (home, series, stack, bucket, value): the sum a series, stack and bucket. `bucket` is the time divided by the
 *   tier's step.
 * - `activity` (home, series, process, bucket, value, snapshots): the same a process, for trees and timelines; and how many
 *   profiles there were, in rows of process 0, for types that are not summed over time.
 * - `totals` (home, slot, stack, value): the sum a home and stack in longer slots, for whole services and clusters.
 * - `events` (home, series, stack, hour, tick, value, trace, span): single samples, in the 10 s tier and for as long as raw
 *   events are kept. `tick` counts 10 ms in the hour.
 *
 * All numbers are below 2^31: above, the encoding that DuckDB uses isn't read alike by others.
 */

/** Order of each kind. */
const ORDER: Readonly<Record<BlockFileKind, string>> = {
  rows: "home, series, stack, bucket",
  activity: "home, series, process, bucket",
  // Readers want all slots of a home most of the time, and then a stack's follow each other.
  totals: "home, stack, slot",
  events: "home, series, stack",
};

/**
 * The dictionary is switched off because it wins over the delta encoding although its files are half as large again; v2 is
 * what has the delta encoding (measured: 1.53 to 0.99 bytes a sample).
 */
const FORMAT = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE 122880";

/** What senders claim must not overflow, also not in sums, for then no block could be written any more. */
const bounded = (value: string): string =>
  `CAST(greatest(least(${value}, 9000000000000000000), -9000000000000000000) AS BIGINT) AS value`;
const SUM = bounded("sum(value)");
const HOUR_MS = 3_600_000;

/** Names of the tables that a head was appended to. */
export interface HeadTables {
  /** home, series, node, process, link: UINTEGER; time, value: DOUBLE. */
  readonly events: string;
  /** link UINTEGER, trace VARCHAR, span VARCHAR; none where no sample has a span. */
  readonly links: string | undefined;
  /** home, series UINTEGER; time DOUBLE. */
  readonly snapshots: string;
}

/** What of a head becomes the file of a block: samples from `from` to `to`, milliseconds. */
export function selectFromHead(
  kind: BlockFileKind,
  { events, links, snapshots }: HeadTables,
  tier: Tier,
  from: number,
  to: number,
): string {
  const within = `time >= ${from} AND time < ${to}`;
  const at = (seconds: number): string => `CAST(floor(time / ${seconds * 1000}) AS UINTEGER)`;
  switch (kind) {
    case "rows":
      return `SELECT home, series, node AS stack, ${at(tier.step)} AS bucket, ${SUM}
        FROM ${events} WHERE ${within} GROUP BY ALL ORDER BY ${ORDER.rows}`;
    case "activity":
      return `SELECT home, series, process, bucket, ${SUM}, CAST(sum(snapshots) AS UINTEGER) AS snapshots FROM (
          SELECT home, series, process, ${at(tier.step)} AS bucket, value, 0 AS snapshots FROM ${events} WHERE ${within}
          UNION ALL
          SELECT home, series, CAST(0 AS UINTEGER), ${at(tier.step)}, 0, 1 FROM ${snapshots} WHERE ${within}
        ) GROUP BY ALL ORDER BY ${ORDER.activity}`;
    case "totals":
      return `SELECT home, ${at(tier.slot)} AS slot, node AS stack, ${SUM}
        FROM ${events} WHERE ${within} GROUP BY ALL ORDER BY ${ORDER.totals}`;
    case "events":
      // Within a minute the times of a stack are worth being in order, for their differences are what is stored.
      return `SELECT home, series, node AS stack, ${at(HOUR_MS / 1000)} AS hour,
          CAST(floor((time % ${HOUR_MS}) / ${RAW_TICK_MS}) AS UINTEGER) AS tick, ${bounded("value")},
          ${links === undefined ? "'' AS trace, '' AS span" : "ifnull(trace, '') AS trace, ifnull(span, '') AS span"}
        FROM ${events} ${links === undefined ? "" : `LEFT JOIN ${links} USING (link)`} WHERE ${within}
        ORDER BY ${ORDER.events}, hour, tick`;
  }
}

/** Homes from `from` up to, not with, `to`. */
export interface HomeRange {
  readonly from: number;
  readonly to: number;
}

/**
 * What of several blocks becomes the file of one, in the same tier or a coarser one.
 *
 * @param areApart whether the blocks are of different times. What few of their rows have in common isn't summed up then,
 *   which is half of the work; a sum may be two rows anyway.
 */
export function selectMerged(
  kind: BlockFileKind,
  paths: readonly string[],
  { source, target, areApart }: { readonly source: Tier; readonly target: Tier; readonly areApart: boolean },
  { from, to }: HomeRange,
): string {
  const within = `FROM ${parquet(paths)} WHERE home >= ${from} AND home < ${to}`;
  const per = (factor: number, column: string): string => (factor === 1 ? column : `${column} // ${factor}`);
  const bucket = `CAST(${per(target.step / source.step, "bucket")} AS UINTEGER) AS bucket`;
  const isPlain = kind === "events" || (kind !== "totals" && areApart && source === target);
  if (isPlain) return `SELECT * ${within} ORDER BY ${ORDER[kind]}`;
  switch (kind) {
    case "rows":
      return `SELECT home, series, stack, ${bucket}, ${SUM} ${within} GROUP BY ALL ORDER BY ${ORDER.rows}`;
    case "activity":
      return `SELECT home, series, process, ${bucket}, ${SUM}, CAST(sum(snapshots) AS UINTEGER) AS snapshots
        ${within} GROUP BY ALL ORDER BY ${ORDER.activity}`;
    case "totals":
      return `SELECT home, CAST(${per(target.slot / source.slot, "slot")} AS UINTEGER) AS slot, stack, ${SUM}
        ${within} GROUP BY ALL ORDER BY ${ORDER.totals}`;
  }
}

/**
 * Writes a file safely (see `publish`). A file that could not be finished is removed.
 *
 * @param directory the store's folder
 * @param path from there
 */
export async function writeParquet(
  engine: Engine,
  select: string,
  directory: string,
  path: string,
): Promise<Pick<BlockFile, "path" | "bytes" | "crc"> & { readonly rows: number }> {
  const target = join(directory, path);
  try {
    let rows = 0;
    await engine.read(`COPY (${select}) TO ${quoted(target + UNFINISHED)} (${FORMAT}, USE_TMP_FILE false)`, (chunk) => {
      rows = Number(chunk.numbers(0)[0]);
    });
    return { path, rows, ...(await publish(target)) };
  } catch (error) {
    for (const left of [target + UNFINISHED, target]) await unlink(left).catch(() => undefined);
    throw error;
  }
}
