import {
  type Plan,
  StoreError,
  type StackSums,
  type SumRequest,
  type TimeRange,
  type Timeline,
  type TimelineRequest,
} from "../profile-store.ts";
import type { SeriesCatalog } from "../series/index.ts";
import { BlockReader, type Sink } from "./block-reader.ts";
import type { Block, Catalogue } from "./catalogue.ts";
import { type Engine, turn } from "./duckdb.ts";
import type { FileKeeper } from "./file-keeper.ts";
import type { EventChunk, Head } from "./head.ts";
import type { Names } from "./names-files.ts";
import { planRange, type ReadPlan } from "./read-plan.ts";
import type { SeriesIndex } from "./series-index.ts";
import { type ScanSpan, SpanSet } from "./span-set.ts";
import { SumColumns, SumTable } from "./sum-columns.ts";
import { COARSE, FINE, RAW_TICK_MS, type Tier, tierFor } from "./tiers.ts";

/** What a question may take. */
export interface QueryLimits {
  /** Milliseconds. */
  readonly timeMs: number;
  /** Entries of one answer. */
  readonly entries: number;
  /** Questions at once; further ones are refused. */
  readonly concurrent: number;
}

/** What questions are about. */
export interface Holdings {
  readonly directory: string;
  readonly engine: Engine;
  readonly catalogue: Catalogue;
  readonly series: SeriesCatalog;
  readonly index: SeriesIndex;
  readonly files: FileKeeper;
  /** As they are now: those that an answer has stay as they were. */
  names(): Names;
  /** Those that are not in blocks yet. */
  heads(): readonly Head[];
}

/** Ranges up to this long that cut buckets are answered from single samples, where there are any. */
const PRECISE_MS = 120_000;
const ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const HOUR_MS = 3_600_000;

/** Answers questions from heads and blocks together. */
export class Questions {
  readonly #holdings: Holdings;
  readonly #limits: QueryLimits;
  #running = 0;

  constructor(holdings: Holdings, limits: QueryLimits) {
    this.#holdings = holdings;
    this.#limits = limits;
  }

  sum(request: SumRequest): Promise<StackSums> {
    const links = request.links?.map(normalLink);
    return this.#run(request.signal, (question) => question.sum(request, links));
  }

  timeline(request: TimelineRequest): Promise<Timeline> {
    return this.#run(request.signal, (question) => question.timeline(request));
  }

  async #run<T>(signal: AbortSignal | undefined, answer: (question: Question) => Promise<T>): Promise<T> {
    const { concurrent, timeMs } = this.#limits;
    if (this.#running >= concurrent) {
      throw new StoreError("overloaded", `${concurrent} queries are running already; try again in a moment`);
    }
    if (signal?.aborted === true) throw new StoreError("cancelled", "the query was cancelled");
    this.#running++;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeMs);
    try {
      return await this.#holdings.files.read(async () => {
        const ended = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
        const question = new Question(this.#holdings, this.#limits, ended);
        try {
          return await answer(question);
        } finally {
          question.end();
        }
      });
    } catch (error) {
      if (timeout.signal.aborted && !isAborted(signal)) {
        const text = `the query took longer than ${timeMs / 1000} s; ask for a shorter range or fewer series`;
        throw new StoreError("limit", text, { cause: error });
      }
      if (error instanceof Error && /out of memory/i.test(error.message)) {
        const text = "the query needs more memory than it may have; ask for a shorter range or fewer series";
        throw new StoreError("limit", text, { cause: error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }
}

/** One question: what was there when it came, and what was found so far. */
class Question {
  readonly #holdings: Holdings;
  readonly #limits: QueryLimits;
  readonly #signal: AbortSignal;
  readonly #names: Names;
  readonly #heads: readonly {
    readonly head: Head;
    readonly chunks: readonly (EventChunk & { readonly end: number })[];
  }[];
  #rows = 0;

  constructor(holdings: Holdings, limits: QueryLimits, signal: AbortSignal) {
    this.#holdings = holdings;
    this.#limits = limits;
    this.#signal = signal;
    // Numbers of blocks and heads that are there now mean the same in whatever tables come later, but not the reverse.
    this.#names = holdings.names();
    // Logs only grow, so that their lengths are all there is to remember of what was there.
    this.#heads = holdings.heads().map((head) => {
      head.enter();
      return { head, chunks: head.chunks.map((chunk) => ({ ...chunk, end: chunk.length })) };
    });
  }

  /** Nothing is read any more. */
  end(): void {
    for (const { head } of this.#heads) head.leave();
  }

  async sum(request: SumRequest, links: readonly string[] | undefined): Promise<StackSums> {
    const { type, range, by } = request;
    const { stacks, frames } = this.#names;
    const isExact = links !== undefined || this.#isPrecise(range);
    const plan = isExact ? this.#eventPlan(range) : this.#planOf(range, tierFor(range.to - range.from));
    const spans = this.#spansOf(request, plan.covered, isExact ? RAW_TICK_MS : FINE.step * 1000);
    const found = new SumColumns();
    const sink: Sink = (group, nodes, values, length, factor) => {
      this.#checkSize(found.length + length);
      found.pushColumns(group, nodes, values, length, factor);
    };
    const reader = this.#reader(spans, plan.covered);
    try {
      if (!spans.isEmpty) {
        if (this.#aggregation(type) !== "sum") await this.#weigh(type, plan, spans, reader);
        await this.#sumBlocks(by, plan, links, isExact, reader, sink);
        await this.#sumHeads(by, plan.covered, spans, links, found);
      }
    } finally {
      await reader.end();
    }
    return {
      nodes: stacks,
      frames,
      length: found.length,
      group: found.group,
      node: found.node,
      value: found.value,
      plan: this.#told(plan, isExact, reader),
    };
  }

  async timeline(request: TimelineRequest): Promise<Timeline> {
    const { type, range, spans: asked, raw } = request;
    const isRaw = raw === true;
    const tier = tierFor(range.to - range.from);
    const plan = isRaw ? this.#eventPlan(range) : this.#planOf(range, tier);
    const coarsest = plan.pieces.reduce((step, piece) => Math.max(step, piece.tier.step), tier.step) * 1000;
    const grain = isRaw ? RAW_TICK_MS : coarsest;
    const step = Math.max(1, Math.ceil(request.step / grain)) * grain;
    const start = Math.floor(plan.covered.from / step) * step;
    const slots = Math.max(1, Math.ceil((plan.covered.to - start) / step));
    const groups = asked.reduce((most, { group }) => Math.max(most, group + 1), 0);
    this.#checkSize(slots * groups);
    const values = new Float64Array(slots * groups);
    const spans = this.#spansOf(request, plan.covered, isRaw ? RAW_TICK_MS : FINE.step * 1000);
    const reader = this.#reader(spans, plan.covered);
    const sink: Sink = (group, nodes, sums, length, factor) => {
      for (let at = 0; at < length; at++) {
        values[group * slots + Math.min(slots - 1, nodes[at]!)]! += sums[at]! * factor;
      }
    };
    try {
      if (!spans.isEmpty) {
        if (this.#aggregation(type) !== "sum") await this.#snapshotSlots(type, plan, spans, reader, start, step, sink);
        else {
          if (isRaw) await reader.events(blocksOf(plan), plan.covered, { start, step }, undefined, sink);
          else for (const piece of plan.pieces) await reader.slots(piece, start, step, sink);
          await this.#eachEvent(spans, (chunk, at, span) => {
            const slot = Math.max(0, Math.min(slots - 1, Math.floor((chunk.time[at]! - start) / step)));
            values[span.group * slots + slot]! += chunk.value[at]! * span.factor;
          });
        }
      }
    } finally {
      await reader.end();
    }
    return { start, step, slots, values, groups, plan: this.#told(plan, isRaw, reader) };
  }

  async #sumBlocks(
    by: SumRequest["by"],
    plan: ReadPlan,
    links: readonly string[] | undefined,
    isExact: boolean,
    reader: BlockReader,
    sink: Sink,
  ): Promise<void> {
    const process = this.#processSink(sink);
    const merged: Sink = (group, _nodes, values, length, factor) => {
      let sum = 0;
      for (let at = 0; at < length; at++) sum += values[at]!;
      sink(group, ROOT, [sum], 1, factor);
    };
    if (isExact) {
      const to = by === "stack" ? sink : by === "process" ? process : merged;
      await reader.events(blocksOf(plan), plan.covered, "stack", links, to);
      return;
    }
    for (const piece of plan.pieces) {
      if (by === "stack") await reader.stacks(piece, sink);
      else await reader.processes(piece, by === "process" ? sink : merged);
    }
  }

  async #sumHeads(
    by: SumRequest["by"],
    covered: TimeRange,
    spans: SpanSet,
    links: readonly string[] | undefined,
    found: SumColumns,
  ): Promise<void> {
    const table = new SumTable();
    const wanted = links === undefined ? undefined : new Set(links);
    await this.#eachEvent(spans, (chunk, at, span, head) => {
      if (chunk.time[at]! < covered.from || chunk.time[at]! >= covered.to) return;
      if (wanted && !isLinked(head, chunk.link[at]!, wanted)) return;
      const node = by === "stack" ? chunk.node[at]! : by === "process" ? chunk.process[at]! : 0;
      table.add(span.group, node, chunk.value[at]! * span.factor);
    });
    this.#checkSize(found.length + table.length);
    table.to(found);
  }

  /** Turns stacks into the processes at their roots. */
  #processSink(sink: Sink): Sink {
    const { stacks } = this.#names;
    return (group, nodes, values, length, factor) => {
      const tops = nodes.slice(0, length);
      for (let at = 0; at < length; at++) tops[at] = stacks.outermost(tops[at]!);
      sink(group, tops, values, length, factor);
    };
  }

  /**
   * Sets factors so that snapshots are not summed over time: each counts for one of those in the range, or the last for
   * all.
   */
  async #weigh(type: string, plan: ReadPlan, spans: SpanSet, reader: BlockReader): Promise<void> {
    const isLast = this.#aggregation(type) === "last";
    const seen = new Map<number, { count: number; time: number; until: number }>();
    const note = (series: number, time: number, snapshots: number, length: number): void => {
      const known = seen.get(series) ?? { count: 0, time: -Infinity, until: 0 };
      if (!isLast) known.count += snapshots;
      else if (time > known.time) Object.assign(known, { count: snapshots, time, until: time + length });
      seen.set(series, known);
    };
    for (const piece of plan.pieces) {
      await reader.activity(piece, (series, time, _value, snapshots) => {
        if (snapshots > 0) note(series, time, snapshots, piece.tier.step * 1000);
      });
    }
    for (const { head } of this.#heads) {
      for (const [at, time] of head.snapshotTimes.entries()) {
        if (time >= plan.covered.from && time < plan.covered.to) note(head.snapshotSeries[at]!, time, 1, RAW_TICK_MS);
      }
    }
    for (const span of spans.spans) {
      const known = seen.get(span.series);
      span.factor /= Math.max(1, known?.count ?? 1);
      if (!isLast || !known) continue;
      span.from = Math.max(span.from, known.time);
      span.to = Math.min(span.to, known.until);
    }
  }

  /** Timelines of snapshots: a slot has the mean of its snapshots, or the last. */
  async #snapshotSlots(
    type: string,
    plan: ReadPlan,
    spans: SpanSet,
    reader: BlockReader,
    start: number,
    step: number,
    sink: Sink,
  ): Promise<void> {
    const isLast = this.#aggregation(type) === "last";
    /** By series and bucket: value and snapshots. */
    const buckets = new Map<string, { series: number; time: number; value: number; snapshots: number }>();
    const note = (series: number, time: number, value: number, snapshots: number): void => {
      const key = `${series} ${time}`;
      const known = buckets.get(key);
      if (!known) buckets.set(key, { series, time, value, snapshots });
      else {
        known.value += value;
        known.snapshots += snapshots;
      }
    };
    for (const piece of plan.pieces) await reader.activity(piece, note);
    for (const { head } of this.#heads) {
      for (const [at, time] of head.snapshotTimes.entries()) note(head.snapshotSeries[at]!, time, 0, 1);
    }
    await this.#eachEvent(spans, (chunk, at) => note(chunk.series[at]!, chunk.time[at]!, chunk.value[at]!, 0));
    const slots = new Map<string, { span: ScanSpan; slot: number; value: number; snapshots: number }>();
    for (const { series, time, value, snapshots } of [...buckets.values()].sort((a, b) => a.time - b.time)) {
      const slot = Math.max(0, Math.floor((time - start) / step));
      for (const span of spans.of(series) ?? []) {
        if (time < span.from || time >= span.to) continue;
        const key = `${series} ${span.group} ${slot}`;
        const known = slots.get(key);
        if (known && !isLast) {
          known.value += value;
          known.snapshots += snapshots;
        } else slots.set(key, { span, slot, value, snapshots });
      }
    }
    for (const { span, slot, value, snapshots } of slots.values()) {
      sink(span.group, Uint32Array.of(slot), [value / Math.max(1, snapshots)], 1, span.factor);
    }
  }

  /** Calls `visit` for each event of the heads that is in a span. */
  async #eachEvent(
    spans: SpanSet,
    visit: (chunk: EventChunk, at: number, span: ScanSpan, head: Head) => void,
  ): Promise<void> {
    let sinceTurn = 0;
    for (const { head, chunks } of this.#heads) {
      for (const chunk of chunks) {
        const { series, time, end } = chunk;
        let last = -1;
        let of: readonly ScanSpan[] | undefined;
        for (let at = 0; at < end; at++) {
          if (series[at] !== last) {
            last = series[at]!;
            of = spans.of(last);
          }
          if (of === undefined) continue;
          for (const span of of) if (time[at]! >= span.from && time[at]! < span.to) visit(chunk, at, span, head);
        }
        this.#rows += end;
        if (++sinceTurn % 16 === 0) await turn();
        if (this.#signal.aborted) throw new StoreError("cancelled", "the query was cancelled");
      }
    }
  }

  #reader(spans: SpanSet, covered: TimeRange): BlockReader {
    const { engine, directory, index } = this.#holdings;
    return new BlockReader(engine, directory, index, spans, covered, this.#signal);
  }

  #spansOf({ type, spans, range }: SumRequest | TimelineRequest, covered: TimeRange, grain: number): SpanSet {
    const scales = new Map(this.#holdings.series.typesOf(type).map(({ number, scale }) => [number, scale]));
    const { index } = this.#holdings;
    return new SpanSet(spans, range, covered, grain, (series) => scales.get(index.typeOf(series) ?? -1));
  }

  #aggregation(type: string): "sum" | "mean" | "last" {
    return this.#holdings.series.typesOf(type)[0]?.aggregation ?? "sum";
  }

  #planOf(range: TimeRange, wanted: Tier): ReadPlan {
    return planRange(this.#holdings.catalogue, range, this.#held(), wanted);
  }

  /** Everything that has single samples, for the range as it was asked. */
  #eventPlan(range: TimeRange): ReadPlan {
    const plan = this.#planOf(range, FINE);
    const round = (time: number): number => Math.floor(time / RAW_TICK_MS) * RAW_TICK_MS;
    const covered = {
      from: Number.isFinite(range.from) ? round(range.from) : plan.covered.from,
      to: Number.isFinite(range.to) ? round(range.to + RAW_TICK_MS - 1) : plan.covered.to,
    };
    const missing = plan.pieces.flatMap(({ blocks }) => blocks.filter((block) => !hasEvents(block)));
    const gaps = missing.map(({ from, to }) => ({ from: Math.max(from, range.from), to: Math.min(to, range.to) }));
    return { ...plan, covered, gaps: [...plan.gaps, ...gaps.filter(({ from, to }) => from < to)] };
  }

  #isPrecise({ from, to }: TimeRange): boolean {
    const bucket = FINE.step * 1000;
    if (to - from > PRECISE_MS || (from % bucket === 0 && to % bucket === 0)) return false;
    const { pieces } = this.#planOf({ from, to }, FINE);
    return pieces.every(({ tier, blocks }) => tier === FINE && blocks.every(hasEvents));
  }

  /** From the first to the last sample. */
  #held(): TimeRange {
    let from = Infinity;
    let to = -Infinity;
    for (const block of this.#holdings.catalogue.blocks) {
      from = Math.min(from, block.from);
      to = Math.max(to, block.to);
    }
    for (const { head } of this.#heads) {
      from = Math.min(from, Math.floor(head.oldest / HOUR_MS) * HOUR_MS);
      to = Math.max(to, head.newest + COARSE.step * 1000);
    }
    return { from, to };
  }

  #checkSize(entries: number): void {
    const most = this.#limits.entries;
    if (entries <= most) return;
    throw new StoreError("limit", `the answer has more than ${most} numbers; ask for a shorter range or fewer groups`);
  }

  #told(plan: ReadPlan, isExact: boolean, reader: BlockReader): Plan {
    const blocks = new Set(blocksOf(plan));
    const tiers = new Set(isExact && blocks.size > 0 ? ["events"] : plan.pieces.map(({ tier }) => tier.name));
    if (this.#heads.some(({ head }) => !head.isEmpty)) tiers.add("head");
    return {
      covered: plan.covered,
      tiers: [...tiers],
      blocks: blocks.size,
      rows: reader.rows + this.#rows,
      gaps: plan.gaps,
    };
  }
}

/** Asked anew: it may have happened while something was awaited. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

const ROOT = new Uint32Array(1);

function blocksOf({ pieces }: ReadPlan): readonly Block[] {
  return pieces.flatMap(({ blocks }) => blocks);
}

function hasEvents({ files }: Block): boolean {
  return files.some(({ kind }) => kind === "events");
}

function isLinked(head: Head, link: number, wanted: ReadonlySet<string>): boolean {
  return link !== 0 && (wanted.has(head.traces[link]!) || wanted.has(head.spans[link]!));
}

/** @throws StoreError "invalid" for what is no id */
function normalLink(id: string): string {
  if (ID.test(id)) return id.toLowerCase();
  const shown = JSON.stringify(id.slice(0, 64));
  throw new StoreError("invalid", `${shown} is no id: a span has 16 hexadecimal digits, a trace 32`);
}
