/** What a sample counts. Each kind is a profile of its own. */
export const SampleKind = { OnCpu: 0, OffCpu: 1 } as const;

const INITIAL_SAMPLES = 1024;

/** Samples since the last request, as columns that keep their memory. */
export class SampleLog {
  readonly #maxSamples: number;
  length = 0;
  /** One of `SampleKind`. */
  kinds = new Uint8Array(INITIAL_SAMPLES);
  /** Entries of the stack table. */
  stacks = new Int32Array(INITIAL_SAMPLES);
  /** Entries of the context table. */
  contexts = new Int32Array(INITIAL_SAMPLES);
  /** CLOCK_MONOTONIC, nanoseconds. */
  times = new Float64Array(INITIAL_SAMPLES);
  /** Nanoseconds off the CPU; 0 for samples on it. */
  values = new Float64Array(INITIAL_SAMPLES);

  /** @param maxSamples more than these are refused until the log is cleared */
  constructor(maxSamples: number) {
    this.#maxSamples = maxSamples;
  }

  /** Whether the next `add` would be refused. */
  get isFull(): boolean {
    return this.length >= this.#maxSamples;
  }

  /** Returns false if the log is full. */
  add(kind: number, stack: number, context: number, timeNs: number, value: number): boolean {
    const at = this.length;
    if (at >= this.#maxSamples) return false;
    if (at === this.kinds.length) this.#grow();
    this.kinds[at] = kind;
    this.stacks[at] = stack;
    this.contexts[at] = context;
    this.times[at] = timeNs;
    this.values[at] = value;
    this.length++;
    return true;
  }

  clear(): void {
    this.length = 0;
  }

  #grow(): void {
    const length = this.kinds.length * 2;
    this.kinds = widened(this.kinds, new Uint8Array(length));
    this.stacks = widened(this.stacks, new Int32Array(length));
    this.contexts = widened(this.contexts, new Int32Array(length));
    this.times = widened(this.times, new Float64Array(length));
    this.values = widened(this.values, new Float64Array(length));
  }
}

/** `to`, which begins with what `from` holds. */
export function widened<T extends Uint8Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
