import { RecordView } from "../sampler/record.ts";
import type { CgroupSelection, ProcessWalk, SamplerCounters, SampleSource } from "../sampler/sample-source.ts";
import { recordWords } from "../sampler/testing/record-bytes.ts";

const NO_COUNTS: SamplerCounters = {
  samples: 0,
  idle: 0,
  denied: 0,
  otherProcess: 0,
  lost: 0,
  missed: 0,
  kernelMode: 0,
  truncated: 0,
  offCpu: 0,
  offCpuLost: 0,
  lifecycle: 0,
  lifecycleLost: 0,
  copies: 0,
  copiedBytes: 0,
  copiesFailed: 0,
  copiesSpent: 0,
  copiesNoRoom: 0,
  malformed: 0,
};

/** Samples that a test plays, in the place of the kernel's. */
export class PlayedSource implements SampleSource {
  readonly #records: Uint8Array[] = [];
  readonly #view = new RecordView();
  readonly walks = new Map<number, ProcessWalk>();
  counts: SamplerCounters = NO_COUNTS;
  frequencyHz = 20;
  started = false;
  closed = false;
  readonly onlineCpus = 2;
  readonly kernelMemoryBytes = 0;
  readonly selection: CgroupSelection = { use: () => {}, add: () => true, remove: () => {} };

  /** Records that wait to be drained. */
  get waiting(): number {
    return this.#records.length;
  }

  /** Puts records into the ring. */
  play(...records: readonly Uint8Array[]): void {
    this.#records.push(...records);
    this.counts = { ...this.counts, samples: this.counts.samples + records.length };
  }

  start(): void {
    this.started = true;
  }

  drain(visit: (record: RecordView) => void, maxRecords = Infinity): number {
    const taken = this.#records.splice(0, maxRecords);
    const { words, at } = recordWords(...taken);
    for (const start of at) visit(this.#view.moveTo(words, start));
    return taken.length;
  }

  setFrequency(hz: number): void {
    this.frequencyHz = hz;
  }

  followCpus(): void {}

  setProcess(pid: number, walk: ProcessWalk): boolean {
    this.walks.set(pid, walk);
    return true;
  }

  forgetProcess(pid: number): void {
    this.walks.delete(pid);
  }

  counters(): SamplerCounters {
    return this.counts;
  }

  close(): void {
    this.closed = true;
  }
}
