import { RAW_TICK_MS } from "./tiers.ts";

/** Events as columns; the first `length` entries count. */
export interface EventChunk {
  length: number;
  readonly series: Uint32Array<ArrayBuffer>;
  /** Leaf of the stack. */
  readonly node: Uint32Array<ArrayBuffer>;
  /** Child of the root that the stack is below of, or the mark of truncation below that. */
  readonly process: Uint32Array<ArrayBuffer>;
  /** In the head's list; 0 is none. */
  readonly link: Uint32Array<ArrayBuffer>;
  /** Milliseconds. */
  readonly time: Float64Array<ArrayBuffer>;
  /** As stored: counts are not yet multiplied by their period. */
  readonly value: Float64Array<ArrayBuffer>;
}

const CHUNK_EVENTS = 1 << 15;
const HOUR_MS = 3_600_000;
/** Bytes of memory an event takes. */
export const EVENT_BYTES = 32;

/** What came since the last flush: a log of events. Answers read it beside the blocks. */
export class Head {
  readonly chunks: EventChunk[] = [];
  /** Spans and traces by number; both in hex, "" for none. */
  readonly traces: string[] = [""];
  readonly spans: string[] = [""];
  /** Series and time (a pair each) of every profile whose values are not to be summed over time. */
  readonly snapshotSeries: number[] = [];
  readonly snapshotTimes: number[] = [];
  readonly #snapshots = new Set<string>();
  readonly #links = new Map<string, number>();
  /** Hours (since 1970) that events are in. */
  readonly hours = new Set<number>();
  #events = 0;
  #lastHour = -1;
  oldest = Infinity;
  newest = -Infinity;

  get length(): number {
    return this.#events;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.snapshotTimes.length === 0;
  }

  add(series: number, node: number, process: number, link: number, time: number, value: number): void {
    let chunk = this.chunks.at(-1);
    if (!chunk || chunk.length === CHUNK_EVENTS) this.chunks.push((chunk = newChunk()));
    const at = chunk.length++;
    chunk.series[at] = series;
    chunk.node[at] = node;
    chunk.process[at] = process;
    // Memory that nobody wrote to is 0 and takes no room; hardly anyone sends links.
    if (link !== 0) chunk.link[at] = link;
    // As the blocks have it, so that an event doesn't move when it's written.
    const rounded = Math.floor(time / RAW_TICK_MS) * RAW_TICK_MS;
    chunk.time[at] = rounded;
    chunk.value[at] = value;
    this.#events++;
    this.#saw(rounded);
  }

  /** Notes that a profile of the series was taken then, though it may have no samples. */
  addSnapshot(series: number, time: number): void {
    const rounded = Math.floor(time / RAW_TICK_MS) * RAW_TICK_MS;
    const key = `${series} ${rounded}`;
    if (this.#snapshots.has(key)) return;
    this.#snapshots.add(key);
    this.snapshotSeries.push(series);
    this.snapshotTimes.push(rounded);
    this.#saw(rounded);
  }

  /** @param trace and span: 32 and 16 hex digits, or empty */
  link(trace: string, span: string): number {
    const key = `${trace}/${span}`;
    let number = this.#links.get(key);
    if (number === undefined) {
      number = this.traces.push(trace) - 1;
      this.spans.push(span);
      this.#links.set(key, number);
    }
    return number;
  }

  #saw(time: number): void {
    if (time < this.oldest) this.oldest = time;
    if (time > this.newest) this.newest = time;
    const hour = Math.floor(time / HOUR_MS);
    if (hour === this.#lastHour) return;
    this.#lastHour = hour;
    this.hours.add(hour);
  }
}

function newChunk(): EventChunk {
  return {
    length: 0,
    series: new Uint32Array(CHUNK_EVENTS),
    node: new Uint32Array(CHUNK_EVENTS),
    process: new Uint32Array(CHUNK_EVENTS),
    link: new Uint32Array(CHUNK_EVENTS),
    time: new Float64Array(CHUNK_EVENTS),
    value: new Float64Array(CHUNK_EVENTS),
  };
}
