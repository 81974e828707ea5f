import { INTERNAL_ORIGIN, type MergeableSignal, mergeRequests, type Origin, Payload, splitRequest } from "#otlp";
import type { BufferPool } from "#wire";
import type { BatchProcessorConfig } from "./config.ts";

/**
 * Requests that wait to be sent together, in order, with a reference on each. Bytes that were taken out as a batch
 * count until `settle`, so the whole is bounded.
 */
export class PendingRequests {
  readonly #signal: MergeableSignal;
  readonly #config: BatchProcessorConfig;
  readonly #buffers: BufferPool;
  readonly #limitBytes: number;
  #requests: Payload[] = [];
  #items = 0;
  #bytes = 0;
  #sendingBytes = 0;

  constructor(signal: MergeableSignal, config: BatchProcessorConfig, buffers: BufferPool) {
    this.#signal = signal;
    this.#config = config;
    this.#buffers = buffers;
    // One batch on its way, one that fills.
    this.#limitBytes = 2 * config.maxBytes;
  }

  get empty(): boolean {
    return this.#requests.length === 0;
  }

  /** Items that wait. */
  get items(): number {
    return this.#items;
  }

  /** Bytes that wait or are being sent. */
  get bytes(): number {
    return this.#bytes + this.#sendingBytes;
  }

  /** Whether a batch is worth sending before its time has come. */
  get ripe(): boolean {
    return this.#items >= this.#config.sendItems || this.#bytes >= this.#config.maxBytes;
  }

  /** Whether there is room. A request larger than all the room finds it when nothing else is there. */
  fits(payload: Payload): boolean {
    return this.bytes === 0 || this.bytes + payload.bytes.length <= this.#limitBytes;
  }

  /** Keeps the request, cut into parts where it is larger than a batch may be. */
  add(payload: Payload): void {
    const { maxItems, maxBytes } = this.#config;
    const limits = maxItems > 0 ? { maxItems, maxBytes } : { maxBytes };
    for (const part of splitRequest(payload, limits, this.#buffers)) {
      this.#requests.push(part);
      this.#items += part.items;
      this.#bytes += part.bytes.length;
    }
  }

  /** Takes out the next batch, as large as it may be, with one reference; undefined when nothing waits. */
  takeBatch(): Payload | undefined {
    const count = this.#countForBatch();
    if (count === 0) return undefined;
    const taken = this.#requests.splice(0, count);
    for (const request of taken) {
      this.#items -= request.items;
      this.#bytes -= request.bytes.length;
      this.#sendingBytes += request.bytes.length;
    }
    if (count === 1) return taken[0]!;
    try {
      const merged = mergeRequests(this.#signal, taken, this.#buffers);
      return new Payload(this.#signal, merged.buffer, commonOrigin(taken), merged.items);
    } finally {
      for (const request of taken) request.release();
    }
  }

  /** The batch that was taken out is done with. */
  settle(): void {
    this.#sendingBytes = 0;
  }

  #countForBatch(): number {
    const { maxItems, maxBytes } = this.#config;
    let items = 0;
    let bytes = 0;
    let count = 0;
    for (const request of this.#requests) {
      const full = bytes + request.bytes.length > maxBytes || (maxItems > 0 && items + request.items > maxItems);
      if (count > 0 && full) break;
      items += request.items;
      bytes += request.bytes.length;
      count++;
    }
    return count;
  }
}

/** Where requests came from, if it was one place; else nowhere, lest one sender be taken for all. */
function commonOrigin(payloads: readonly Payload[]): Origin {
  const { origin } = payloads[0]!;
  return payloads.every((payload) => payload.origin === origin) ? origin : INTERNAL_ORIGIN;
}
