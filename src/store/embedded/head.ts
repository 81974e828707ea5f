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

/** Events of a chunk. */
export const CHUNK_EVENTS = 1 << 15;
const HOUR_MS = 3_600_000;
/** Bytes of memory an event takes. */
export const EVENT_BYTES = 32;

/** Memory of heads that are in blocks, for those to come. */
export class ChunkMemory {
  readonly #most: number;
  readonly #free: EventChunk[] = [];

  /** @param events whose memory is kept at most */
  constructor(events: number) {
    this.#most = Math.ceil(events / CHUNK_EVENTS);
  }

  take(): EventChunk {
    return this.#free.pop() ?? newChunk();
  }

  /** @param hasLinks whether there may be others than 0, which is what a new chunk has */
  keep(chunks: readonly EventChunk[], hasLinks: boolean): void {
    for (const chunk of chunks.slice(0, this.#most - this.#free.length)) {
      if (hasLinks) chunk.link.fill(0);
      this.#free.push({ ...chunk, length: 0 });
    }
  }
}

/** What came since the last flush: a log of events. Answers read it beside the blocks. */
export class Head {
  readonly chunks: EventChunk[] = [];
  readonly #memory: ChunkMemory;
  /** Answers that read it. */
  #readers = 0;
  #isOver = false;
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

  constructor(memory: ChunkMemory) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#events;
  }

  /** Keeps its events as they are until as many calls of `leave`. */
  enter(): void {
    this.#readers++;
  }

  leave(): void {
    this.#readers--;
    this.#free();
  }

  /** It is in blocks: only who reads it already may go on. */
  end(): void {
    this.#isOver = true;
    this.#free();
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.snapshotTimes.length === 0;
  }

  add(series: number, node: number, process: number, link: number, time: number, value: number): void {
    let chunk = this.chunks.at(-1);
    if (!chunk || chunk.length === CHUNK_EVENTS) this.chunks.push((chunk = this.#memory.take()));
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

  #free(): void {
    if (this.#isOver && this.#readers === 0) this.#memory.keep(this.chunks.splice(0), this.traces.length > 1);
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
