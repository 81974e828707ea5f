import { DatabaseSync } from "node:sqlite";
import { loadLayouts, loadProfiles } from "#otlp";
import {
  type AppendReceipt,
  type AppendRequest,
  type GroupedSpan,
  type IdentityEntry,
  type LabelValues,
  type Plan,
  type ProfileStore,
  type ProfileType,
  type Selector,
  type SeriesSpan,
  type StackSums,
  StoreError,
  type StoreState,
  type SumRequest,
  type TimeRange,
  type Timeline,
  type TimelineRequest,
} from "../profile-store.ts";
import { SeriesCatalog, type SeriesLimits } from "../series/index.ts";
import { LinkFilter, LinkList } from "./links.ts";
import { type ProfileReaders, readRequest } from "./read-request.ts";
import { RequestSamples } from "./request-samples.ts";
import { SampleRows } from "./sample-rows.ts";
import { StackTrie } from "./stack-trie.ts";

export interface MemoryStoreSettings {
  /** Samples held at most; further ones are rejected. About 32 bytes each. */
  readonly maxSamples?: number;
  /** Nodes of the tree of stacks at most. About 30 bytes each. */
  readonly maxStackNodes?: number;
  readonly series?: Partial<SeriesLimits>;
  /** Milliseconds since 1970; default the machine's clock. */
  readonly now?: () => number;
}

const DEFAULT_MAX_SAMPLES = 8 << 20;
const DEFAULT_MAX_STACK_NODES = 4 << 20;
/** Slots of one timeline, over all groups. */
const MAX_SLOTS = 16 << 20;
/** Rows that are looked at between two looks at whether somebody still waits. */
const ROWS_PER_TURN = 1 << 20;

/**
 * Profiles in memory, each sample a row: for tests, and for looking at what is not worth keeping. Says what the other
 * stores must say, in the plainest way; nothing is durable and nothing expires.
 */
export class MemoryStore implements ProfileStore {
  readonly #readers: ProfileReaders;
  readonly #catalog: SeriesCatalog;
  readonly #database: DatabaseSync;
  readonly #maxSamples: number;
  readonly #maxStackNodes: number;
  readonly #trie = new StackTrie();
  readonly #links = new LinkList();
  readonly #rows = new Map<number, SampleRows>();
  /** What stored values of a series are to be multiplied by. */
  readonly #scales = new Map<number, number>();
  readonly #lost = new Map<string, number>();
  #samples = 0;
  #oldest = Infinity;
  #newest = 0;
  #isClosed = false;

  private constructor(readers: ProfileReaders, settings: MemoryStoreSettings) {
    this.#readers = readers;
    this.#database = new DatabaseSync(":memory:");
    this.#catalog = new SeriesCatalog(this.#database, settings.series, settings.now);
    this.#maxSamples = settings.maxSamples ?? DEFAULT_MAX_SAMPLES;
    this.#maxStackNodes = settings.maxStackNodes ?? DEFAULT_MAX_STACK_NODES;
  }

  /** An empty store. */
  static async open(settings: MemoryStoreSettings = {}): Promise<MemoryStore> {
    const [profiles, layouts] = await Promise.all([loadProfiles(), loadLayouts()]);
    return new MemoryStore({ ...profiles, ...layouts }, settings);
  }

  async append(request: AppendRequest): Promise<AppendReceipt> {
    this.#mustBeOpen();
    // Synchronous from here on, as the bytes are only lent.
    const { model, profiles } = readRequest(request.bytes, this.#readers);
    const rejected = new Map<string, number>();
    const reader = new RequestSamples(model, this.#readers, this.#trie, this.#links);
    let samples = 0;
    for (const read of profiles) {
      const type = this.#catalog.type(read.type);
      let series: number | undefined;
      for (const sample of reader.samplesOf(read, request.receivedAt)) {
        try {
          series ??= this.#catalog.series(type.number, read.attributes, sample.time);
        } catch (error) {
          if (!(error instanceof StoreError) || error.kind !== "limit") throw error;
          add(rejected, "series_limit", read.profile.samples.length);
          break;
        }
        if (this.#samples >= this.#maxSamples) add(rejected, "samples_limit", 1);
        else if (this.#trie.length >= this.#maxStackNodes) add(rejected, "stacks_limit", 1);
        else {
          this.#scales.set(series, type.scale);
          this.#keep(series, sample.time, reader.leafOf(sample), sample.value, sample.link);
          samples++;
        }
      }
    }
    for (const [reason, count] of rejected) add(this.#lost, reason, count);
    return { samples, rejected };
  }

  recordIdentity(entries: readonly IdentityEntry[]): Promise<void> {
    return this.#answer(() => this.#catalog.identity.record(entries));
  }

  profileTypes(range: TimeRange): Promise<readonly ProfileType[]> {
    return this.#answer(() => this.#catalog.types(range));
  }

  labelNames(selector: Selector, range: TimeRange): Promise<readonly string[]> {
    return this.#answer(() => this.#catalog.labelNames(selector, range));
  }

  labelValues(name: string, selector: Selector, range: TimeRange, limit: number): Promise<LabelValues> {
    return this.#answer(() => this.#catalog.labelValues(name, selector, range, limit));
  }

  resolve(selector: Selector, range: TimeRange, type?: string): Promise<readonly SeriesSpan[]> {
    return this.#answer(() => this.#catalog.resolve(selector, range, type));
  }

  async sum(request: SumRequest): Promise<StackSums> {
    const { by, links } = request;
    const filter = links === undefined ? undefined : new LinkFilter(this.#links, links);
    const group: number[] = [];
    const node: number[] = [];
    const value: number[] = [];
    const plan = await this.#scan(request, filter, (rows, at, span, weight) => {
      const leaf = rows.node[at]!;
      group.push(span.group);
      node.push(by === "stack" ? leaf : by === "process" ? this.#trie.top[leaf]! : 0);
      value.push(rows.value[at]! * weight);
    });
    return {
      nodes: this.#trie,
      frames: this.#trie,
      length: value.length,
      group: Uint32Array.from(group),
      node: Uint32Array.from(node),
      value: Float64Array.from(value),
      plan,
    };
  }

  async timeline(request: TimelineRequest): Promise<Timeline> {
    const { range, spans } = request;
    const step = request.raw === true ? request.step : Math.max(1000, request.step);
    const start = Math.floor(range.from / step) * step;
    const slots = Math.max(1, Math.ceil((range.to - start) / step));
    const groups = spans.reduce((most, span) => Math.max(most, span.group + 1), 0);
    if (slots * groups > MAX_SLOTS) {
      throw new StoreError("limit", `${groups} groups in ${slots} steps are too many numbers; ask for a longer step`);
    }
    const values = new Float64Array(slots * groups);
    // Means and last values hold within a slot, so each slot is scanned as a range of its own.
    const isSum = this.#aggregation(request.type) === "sum";
    const pieces = isSum ? 1 : slots;
    let rows = 0;
    for (let piece = 0; piece < pieces; piece++) {
      const from = isSum ? range.from : Math.max(range.from, start + piece * step);
      const to = isSum ? range.to : Math.min(range.to, start + (piece + 1) * step);
      const plan = await this.#scan({ ...request, range: { from, to } }, undefined, (found, at, span, weight) => {
        const slot = Math.min(slots - 1, Math.floor((found.time[at]! - start) / step));
        values[span.group * slots + slot]! += found.value[at]! * weight;
      });
      rows += plan.rows;
    }
    return { start, step, slots, values, groups, plan: planOf(range, rows) };
  }

  state(): StoreState {
    return {
      visibleUpTo: this.#newest,
      oldest: this.#samples === 0 ? undefined : this.#oldest,
      bytes: new Map([
        ["samples", this.#samples * 32],
        ["stacks", this.#trie.length * 30],
      ]),
      damaged: [],
      lost: new Map(this.#lost),
    };
  }

  flush(): Promise<void> {
    return this.#answer(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  #keep(series: number, time: number, node: number, value: number, link: number): void {
    let rows = this.#rows.get(series);
    if (!rows) this.#rows.set(series, (rows = new SampleRows()));
    rows.add(time, node, value, link);
    this.#samples++;
    this.#oldest = Math.min(this.#oldest, time);
    // Half a millisecond ahead of the last sample would leave it out.
    this.#newest = Math.max(this.#newest, Math.floor(time) + 1);
    this.#catalog.seen(series, time, time);
  }

  /** Calls `visit` for each row that counts, with what its value is to be multiplied by. */
  async #scan(
    { type, range, spans, signal }: Pick<SumRequest, "type" | "range" | "spans" | "signal">,
    filter: LinkFilter | undefined,
    visit: (rows: SampleRows, at: number, span: GroupedSpan, weight: number) => void,
  ): Promise<Plan> {
    this.#mustBeOpen();
    const aggregation = this.#aggregation(type);
    let scanned = 0;
    let sinceTurn = ROWS_PER_TURN;
    for (const span of spans) {
      const rows = this.#rows.get(span.series);
      if (!rows) continue;
      if (sinceTurn >= ROWS_PER_TURN) {
        sinceTurn = 0;
        await turn();
        if (signal?.aborted === true) throw new StoreError("cancelled", "the query was cancelled");
      }
      const from = Math.max(range.from, span.from);
      const to = Math.min(range.to, span.to);
      const { weight, since } = this.#weightOf(rows, span.series, aggregation, range, from);
      for (let at = 0; at < rows.length; at++) {
        const time = rows.time[at]!;
        if (time < since || time >= to || filter?.has(rows.link[at]!) === false) continue;
        visit(rows, at, span, weight);
      }
      scanned += rows.length;
      sinceTurn += rows.length;
    }
    return planOf(range, scanned);
  }

  /**
   * How rows of a series count: all of them (sum), all of them divided by the number of snapshots in the range (mean),
   * or those of its last snapshot.
   */
  #weightOf(
    rows: SampleRows,
    series: number,
    aggregation: ProfileType["aggregation"],
    range: TimeRange,
    from: number,
  ): { readonly weight: number; readonly since: number } {
    const scale = this.#scales.get(series) ?? 1;
    if (aggregation === "sum") return { weight: scale, since: from };
    const times = new Set<number>();
    for (let at = 0; at < rows.length; at++) {
      if (rows.time[at]! >= range.from && rows.time[at]! < range.to) times.add(rows.time[at]!);
    }
    if (aggregation === "mean") return { weight: scale / Math.max(1, times.size), since: from };
    return { weight: scale, since: [...times].reduce((last, time) => Math.max(last, time), from) };
  }

  #aggregation(type: string): ProfileType["aggregation"] {
    const known = this.#catalog.types({ from: -Infinity, to: Infinity }).find(({ id }) => id === type);
    if (!known) return "sum";
    return known.aggregation;
  }

  /** Runs a question in a promise, so that errors are rejections. */
  async #answer<T>(ask: () => T): Promise<T> {
    this.#mustBeOpen();
    return ask();
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw new StoreError("unavailable", "the store is closed");
  }
}

function planOf(range: TimeRange, rows: number): Plan {
  return { covered: range, tiers: ["memory"], blocks: 0, rows, gaps: [] };
}

function add(counts: Map<string, number>, reason: string, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count);
}

/** Lets others run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
