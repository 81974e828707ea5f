import { join } from "node:path";
import { selectFromHead, writeParquet } from "./block-files.ts";
import type { Block, BlockFile, BlockFileKind } from "./catalogue.ts";
import type { AppendColumn, Engine } from "./duckdb.ts";
import type { Head } from "./head.ts";
import { FINE } from "./tiers.ts";

const HOUR_MS = 3_600_000;
const KINDS: readonly BlockFileKind[] = ["rows", "activity", "totals", "events"];

/**
 * Writes a head as blocks of the finest tier, one for each hour that it has samples of.
 *
 * @param segment of the journal that it ends with: the blocks' tokens are made of it
 */
export async function writeHead(
  engine: Engine,
  head: Head,
  homeOf: (series: number) => number,
  directory: string,
  segment: number,
): Promise<readonly Omit<Block, "id" | "isDamaged">[]> {
  const names = { events: `events_${segment}`, links: `links_${segment}`, snapshots: `snapshots_${segment}` };
  const { events, links, snapshots } = names;
  const hasLinks = head.traces.length > 1;
  const tables = { events, links: hasLinks ? links : undefined, snapshots };
  try {
    await engine.execute(
      `CREATE OR REPLACE TABLE ${events} (home UINTEGER, series UINTEGER, node UINTEGER, process UINTEGER,
        link UINTEGER, time DOUBLE, value DOUBLE)`,
      `CREATE OR REPLACE TABLE ${links} (link UINTEGER, trace VARCHAR, span VARCHAR)`,
      `CREATE OR REPLACE TABLE ${snapshots} (home UINTEGER, series UINTEGER, time DOUBLE)`,
    );
    await engine.append(events, eventBatches(head, homeOf));
    if (hasLinks) await engine.append(links, [linkColumns(head)]);
    if (head.snapshotTimes.length > 0) await engine.append(snapshots, [snapshotColumns(head, homeOf)]);
    const blocks: Omit<Block, "id" | "isDamaged">[] = [];
    for (const hour of [...head.hours].sort((a, b) => a - b)) {
      const files: BlockFile[] = [];
      let rows = 0;
      for (const kind of KINDS) {
        const select = selectFromHead(kind, tables, FINE, hour * HOUR_MS, (hour + 1) * HOUR_MS);
        const path = join(FINE.name, `${hour}-${segment}-${kind}.parquet`);
        const { rows: written, ...file } = await writeParquet(engine, select, directory, path);
        if (kind === "rows") rows = written;
        files.push({ kind, ...file });
      }
      const step = FINE.step * 1000;
      const from = Math.max(hour * HOUR_MS, Math.floor(head.oldest / step) * step);
      const to = Math.min((hour + 1) * HOUR_MS, Math.floor(head.newest / step) * step + step);
      blocks.push({
        token: `head-${segment}-${hour}`,
        step: FINE.step,
        level: 0,
        from,
        to,
        rows,
        isRolled: false,
        files,
      });
    }
    return blocks;
  } finally {
    await engine
      .execute(...Object.values(names).map((table) => `DROP TABLE IF EXISTS ${table}`))
      // It may be the engine's memory that is at an end; the next flush replaces the tables.
      .catch(() => undefined);
  }
}

function* eventBatches(head: Head, homeOf: (series: number) => number): Generator<readonly AppendColumn[]> {
  for (const chunk of head.chunks) {
    const { length, series, node, process, link, time, value } = chunk;
    const home = new Uint32Array(length);
    let last = -1;
    let lastHome = 0;
    for (let at = 0; at < length; at++) {
      if (series[at] !== last) {
        last = series[at]!;
        lastHome = homeOf(last);
      }
      home[at] = lastHome;
    }
    yield [home, ...[series, node, process, link, time, value].map((column) => column.subarray(0, length))];
  }
}

function linkColumns({ traces, spans }: Head): readonly AppendColumn[] {
  return [Uint32Array.from(traces.slice(1), (_, at) => at + 1), traces.slice(1), spans.slice(1)];
}

function snapshotColumns({ snapshotSeries, snapshotTimes }: Head, homeOf: (series: number) => number) {
  return [Uint32Array.from(snapshotSeries, homeOf), Uint32Array.from(snapshotSeries), Float64Array.from(snapshotTimes)];
}
