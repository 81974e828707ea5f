import { join } from "node:path";
import type { TimeRange } from "../profile-store.ts";
import type { Block, BlockFileKind } from "./catalogue.ts";
import { type Engine, parquet, quoted, type ReadChunk } from "./duckdb.ts";
import type { Piece } from "./read-plan.ts";
import type { SeriesIndex } from "./series-index.ts";
import type { SpanSet } from "./span-set.ts";
import { RAW_TICK_MS } from "./tiers.ts";

/** Takes entries of an answer. */
export type Sink = (
  group: number,
  nodes: Uint32Array,
  values: ArrayLike<number>,
  length: number,
  factor: number,
) => void;

/** A row of a series' activity. */
export type ActivitySink = (series: number, time: number, value: number, snapshots: number) => void;

/** Series that a list in SQL may have; more are joined. */
const MAX_LISTED = 2000;
/**
 * Totals are read in so many lanes: the thread gets a chunk of each lane a turn, and turns are long while requests come.
 * One of the four threads that wait for files and engine is left to the journal.
 */
const LANES = 3;
/** Fewer aren't worth a lane. */
const HOMES_A_LANE = 32;
const TICKS_PER_HOUR = 3_600_000 / RAW_TICK_MS;

/** The blocks' part of answers: one question at a time. */
export class BlockReader {
  readonly #engine: Engine;
  readonly #directory: string;
  readonly #index: SeriesIndex;
  readonly #spans: SpanSet;
  readonly #covered: TimeRange;
  readonly #signal: AbortSignal | undefined;
  /** Joined with the rows where spans are not all alike. */
  readonly #table: string;
  #hasTable = false;
  /** Rows of blocks that were opened. */
  rows = 0;
  static #tables = 0;

  constructor(
    engine: Engine,
    directory: string,
    index: SeriesIndex,
    spans: SpanSet,
    covered: TimeRange,
    signal: AbortSignal | undefined,
  ) {
    this.#engine = engine;
    this.#directory = directory;
    this.#index = index;
    this.#spans = spans;
    this.#covered = covered;
    this.#signal = signal;
    this.#table = `spans_${++BlockReader.#tables}`;
  }

  /** Gives back what the question took. */
  async end(): Promise<void> {
    if (this.#hasTable) await this.#engine.execute(`DROP TABLE IF EXISTS ${this.#table}`);
  }

  /** Sums by stack: whole homes and slots from the totals, the rest from rows. */
  async stacks(piece: Piece, sink: Sink): Promise<void> {
    const { tier, from, to, blocks } = piece;
    const whole = this.#wholeHomes();
    if (whole.size === 0) return this.#rows(piece, "rows", "stack", sink, undefined);
    const slotMs = tier.slot * 1000;
    for (const [isCutBefore, isCutAfter] of CUTS) {
      const alike = blocks.filter((block) => block.from < from === isCutBefore && block.to > to === isCutAfter);
      if (alike.length === 0) continue;
      // Where a block isn't cut, all that its slots have is in the range, though the slots themselves may reach beyond it.
      const first = isCutBefore ? Math.ceil(from / slotMs) : 0;
      const end = isCutAfter ? Math.floor(to / slotMs) : Infinity;
      const edges: TimeRange[] = [];
      if (first >= end) edges.push({ from, to });
      else {
        await this.#totals(alike, whole, { from: first, to: end }, sink);
        if (isCutBefore) edges.push({ from, to: Math.min(to, first * slotMs) });
        if (isCutAfter) edges.push({ from: end * slotMs, to });
      }
      for (const edge of edges) {
        const cut = alike.filter((block) => block.from < edge.to && block.to > edge.from);
        if (edge.from < edge.to && cut.length > 0) {
          await this.#rows({ tier, ...edge, blocks: cut }, "rows", "stack", sink, { only: whole });
        }
      }
    }
    const rest = this.#spans.spans.some(({ series }) => !whole.has(this.#index.homeOf(series)));
    if (rest) await this.#rows(piece, "rows", "stack", sink, { except: whole });
  }

  /** Sums by process. */
  processes(piece: Piece, sink: Sink): Promise<void> {
    return this.#rows(piece, "activity", "process", sink, undefined);
  }

  /** Sums by slot of a timeline: the slot in the place of the node. */
  slots(piece: Piece, start: number, step: number, sink: Sink): Promise<void> {
    const buckets = step / 1000 / piece.tier.step;
    const first = start / 1000 / piece.tier.step;
    // What a coarser tier has ahead of the start belongs to the first slot.
    const slot = `CAST(greatest(0, floor((CAST(bucket AS DOUBLE) - ${first}) / ${buckets})) AS UINTEGER)`;
    return this.#rows(piece, "activity", slot, sink, undefined);
  }

  /** All rows of activity, in milliseconds: for types that are not summed over time. */
  async activity(piece: Piece, sink: ActivitySink): Promise<void> {
    const { tier } = piece;
    const files = this.#files(piece.blocks, "activity");
    if (files.length === 0) return;
    const sql = `SELECT series, bucket, CAST(sum(value) AS DOUBLE), CAST(sum(snapshots) AS UINTEGER)
      FROM ${parquet(files)} WHERE ${this.#seriesIn()} AND ${within(piece, "bucket")} GROUP BY series, bucket`;
    await this.#read(sql, (chunk) => {
      const [series, bucket, value, snapshots] = [0, 1, 2, 3].map((column) => chunk.numbers(column));
      for (let row = 0; row < chunk.length; row++) {
        sink(series![row]!, bucket![row]! * tier.step * 1000, value![row]!, snapshots![row]!);
      }
    });
  }

  /**
   * Sums of single samples, by stack or by slot.
   * @param links only those of these spans and traces
   */
  async events(
    blocks: readonly Block[],
    range: TimeRange,
    by: "stack" | { readonly start: number; readonly step: number },
    links: readonly string[] | undefined,
    sink: Sink,
  ): Promise<void> {
    const files = this.#files(blocks, "events");
    if (files.length === 0) return;
    await this.#makeTable();
    const time = `(CAST(hour AS BIGINT) * ${TICKS_PER_HOUR} + tick) * ${RAW_TICK_MS}`;
    const key = by === "stack" ? "stack" : `CAST(floor((${time} - ${by.start}) / ${by.step}) AS UINTEGER)`;
    const ids = links?.map(quoted).join(", ");
    const linked = ids === undefined ? "" : `AND (trace IN (${ids}) OR span IN (${ids}))`;
    const hours = `hour >= ${Math.floor(range.from / 3_600_000)} AND hour <= ${Math.floor(range.to / 3_600_000)}`;
    const sql = `SELECT g, ${key} AS k, CAST(sum(value * factor) AS DOUBLE)
      FROM ${parquet(files)} JOIN ${this.#table} USING (series)
      WHERE ${hours} AND ${time} >= greatest(since, ${range.from}) AND ${time} < least(until, ${range.to}) ${linked}
      GROUP BY g, k`;
    await this.#read(sql, (chunk) => spread(chunk, 1, sink));
  }

  /** Homes of which all is asked for, alike. */
  #wholeHomes(): ReadonlyMap<number, HomeGroup> {
    const homes = this.#index.homesOf(this.#spans.spans, this.#covered.from, this.#covered.to);
    const whole = new Map<number, HomeGroup>();
    const mixed = new Set<number>();
    for (const { series, factor } of this.#spans.spans) {
      const home = this.#index.homeOf(series);
      const group = homes.get(home);
      if (group === undefined) continue;
      // Series of a mean count by their own numbers of snapshots, which totals don't tell apart.
      if (whole.has(home) && whole.get(home)!.factor !== factor) mixed.add(home);
      whole.set(home, { group, factor });
    }
    for (const home of mixed) whole.delete(home);
    return whole;
  }

  async #totals(
    blocks: readonly Block[],
    homes: ReadonlyMap<number, HomeGroup>,
    slots: TimeRange,
    sink: Sink,
  ): Promise<void> {
    const files = this.#files(blocks, "totals");
    if (files.length === 0) return;
    const until = Number.isFinite(slots.to) ? `AND slot < ${slots.to}` : "";
    const read = (asked: string): Promise<void> => {
      const sql = `SELECT home, stack, CAST(value AS DOUBLE) FROM ${parquet(files)}
        WHERE ${asked} AND slot >= ${slots.from} ${until}`;
      return this.#read(sql, (chunk) => handOverHomes(chunk, homes, sink));
    };
    const sorted = [...homes.keys()].sort((a, b) => a - b);
    const size = Math.max(HOMES_A_LANE, Math.ceil(sorted.length / LANES));
    const lanes: Promise<void>[] = [];
    for (let at = 0; at < sorted.length; at += size) {
      const part = sorted.slice(at, at + size);
      const isListed = part.length <= MAX_LISTED;
      lanes.push(read(isListed ? `home IN (${part.join(", ")})` : `home BETWEEN ${part[0]} AND ${part.at(-1)}`));
    }
    // Nothing of a question that failed may still be at work.
    for (const lane of await Promise.allSettled(lanes)) if (lane.status === "rejected") throw lane.reason;
  }

  async #rows(
    piece: Piece,
    kind: BlockFileKind,
    key: string,
    sink: Sink,
    homes:
      { readonly only: ReadonlyMap<number, unknown> } | { readonly except: ReadonlyMap<number, unknown> } | undefined,
  ): Promise<void> {
    const files = this.#files(piece.blocks, kind);
    if (files.length === 0) return;
    const asked = (home: number): boolean =>
      homes === undefined || ("only" in homes ? homes.only.has(home) : !homes.except.has(home));
    const wanted = [...this.#homes()].filter(asked);
    if (wanted.length === 0) return;
    const inHomes =
      wanted.length <= MAX_LISTED
        ? `home IN (${wanted.join(", ")})`
        : `home BETWEEN ${Math.min(...wanted)} AND ${Math.max(...wanted)}`;
    const where = `${inHomes} AND ${within(piece, "bucket")}`;
    const alike = this.#spans.uniform(this.#covered);
    // Whole homes are filtered by home alone.
    const byHome = homes !== undefined && "only" in homes && wanted.length <= MAX_LISTED;
    if (alike) {
      const isListed = byHome || this.#spans.seriesCount <= MAX_LISTED;
      if (!isListed) await this.#makeTable();
      const inSeries = isListed ? this.#seriesIn() : `series IN (SELECT series FROM ${this.#table})`;
      const filter = byHome ? where : `${where} AND ${inSeries}`;
      const sql = `SELECT ${key} AS k, CAST(sum(value) AS DOUBLE) FROM ${parquet(files)} WHERE ${filter} GROUP BY k`;
      await this.#read(sql, (chunk) =>
        sink(alike.group, chunk.numbers(0) as Uint32Array, chunk.numbers(1), chunk.length, alike.factor),
      );
      return;
    }
    await this.#makeTable();
    const stepMs = piece.tier.step * 1000;
    const sql = `SELECT g, ${key} AS k, CAST(sum(value * factor) AS DOUBLE)
      FROM ${parquet(files)} JOIN ${this.#table} USING (series)
      WHERE ${where} AND bucket >= round(since / ${stepMs}) AND bucket < round(until / ${stepMs}) GROUP BY g, k`;
    await this.#read(sql, (chunk) => spread(chunk, 1, sink));
  }

  #homes(): ReadonlySet<number> {
    return new Set(this.#spans.spans.map(({ series }) => this.#index.homeOf(series)));
  }

  #seriesIn(): string {
    return `series IN (${[...this.#spans.series].join(", ")})`;
  }

  async #makeTable(): Promise<void> {
    if (this.#hasTable) return;
    this.#hasTable = true;
    const { spans } = this.#spans;
    await this.#engine.execute(
      `CREATE TABLE ${this.#table} (series UINTEGER, g UINTEGER, since DOUBLE, until DOUBLE, factor DOUBLE)`,
    );
    const columns = [
      Uint32Array.from(spans, ({ series }) => series),
      Uint32Array.from(spans, ({ group }) => group),
      Float64Array.from(spans, ({ from }) => from),
      Float64Array.from(spans, ({ to }) => to),
      Float64Array.from(spans, ({ factor }) => factor),
    ];
    await this.#engine.append(this.#table, [columns]);
  }

  #files(blocks: readonly Block[], kind: BlockFileKind): readonly string[] {
    const paths: string[] = [];
    for (const block of blocks) {
      const files = block.files.filter((file) => file.kind === kind);
      if (files.length > 0) this.rows += block.rows;
      for (const { path } of files) paths.push(join(this.#directory, path));
    }
    return paths;
  }

  #read(sql: string, each: (chunk: ReadChunk) => void): Promise<void> {
    return this.#engine.read(sql, each, this.#signal);
  }
}

/** Whether a range begins, and whether it ends, within a block. */
const CUTS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

interface HomeGroup {
  readonly group: number;
  readonly factor: number;
}

function within({ tier, from, to }: Piece, bucket: string): string {
  const stepMs = tier.step * 1000;
  return `${bucket} >= ${Math.floor(from / stepMs)} AND ${bucket} < ${Math.ceil(to / stepMs)}`;
}

/** Rows of (home, stack, value). Those of one stack that follow each other are added up, in the columns as they are. */
function handOverHomes(chunk: ReadChunk, homes: ReadonlyMap<number, HomeGroup>, sink: Sink): void {
  const [home, stack, value] = [chunk.numbers(0), chunk.numbers(1) as Uint32Array, chunk.numbers(2)];
  for (let start = 0, end = 0; start < chunk.length; start = end) {
    let last = start;
    for (end = start + 1; end < chunk.length && home[end] === home[start]; end++) {
      if (stack[end] === stack[last]) value[last]! += value[end]!;
      else {
        stack[++last] = stack[end]!;
        value[last] = value[end]!;
      }
    }
    const group = homes.get(home[start]!);
    const length = last + 1 - start;
    if (group)
      sink(group.group, stack.subarray(start, last + 1), value.subarray(start, last + 1), length, group.factor);
  }
}

/** Rows of (group, key, value). */
function spread(chunk: ReadChunk, factor: number, sink: Sink): void {
  const [group, key, value] = [chunk.numbers(0), chunk.numbers(1) as Uint32Array, chunk.numbers(2)];
  for (let start = 0; start < chunk.length;) {
    let end = start + 1;
    while (end < chunk.length && group[end] === group[start]) end++;
    sink(group[start]!, key.subarray(start, end), value.subarray(start, end), end - start, factor);
    start = end;
  }
}
