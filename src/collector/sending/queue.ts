import { Payload, type Signal } from "#otlp";
import type { BufferPool } from "#wire";
import { ConsumeError, errorFrom } from "../errors.ts";
import type { QueueStore } from "./storage.ts";

/** How the fill of a queue is measured. */
export type QueueSizer = "requests" | "items" | "bytes";

/** Upstream's `sending_queue`, and our own bound in bytes. */
export interface QueueSettings {
  /** Payloads being sent at a time. */
  readonly consumers: number;
  /** In units of `sizer`; payloads being sent count until they are done. */
  readonly capacity: number;
  readonly sizer: QueueSizer;
  /** A sender waits for room instead of being refused. */
  readonly blockOnOverflow: boolean;
  /** `consume` settles with the delivery instead of with the acceptance. */
  readonly waitForResult: boolean;
  /** Bytes of messages held in memory, whatever the sizer. With `storage`, what is beyond is read back from disk. */
  readonly maxBytes: number;
  /** Id of the storage extension that keeps the queue on disk. */
  readonly storage?: string | undefined;
}

/** A payload in the queue. Handed out by `take`, given back with `done`. */
export interface QueueEntry {
  readonly signal: Signal;
  /** Under which the store knows it; -1 without a store. */
  readonly key: number;
  readonly units: number;
  readonly sizeBytes: number;
  /** Spans, points, records or samples; only told where `payload` is absent. */
  readonly items: number;
  /** Absent where only the store has the bytes. */
  payload: Payload | undefined;
  /** Whoever waits for the delivery. */
  readonly waiter: Waiter | undefined;
}

/** What a queue tells its owner. */
export interface QueueHooks {
  /** There is a new entry to take. */
  accepted(): void;
  /** A payload was not accepted; its sender is told the same. */
  refused(payload: Payload, error: ConsumeError): void;
}

/** The two ends of a promise. */
export interface Waiter {
  resolve(): void;
  reject(reason: Error): void;
}

/** A payload whose sender waits for room. The sender holds the reference meanwhile. */
interface Blocked extends Waiter {
  readonly payload: Payload;
  readonly units: number;
}

/** When to try again, told to those who find no room: about the time of a few deliveries. */
const OVERFLOW_RETRY_MS = 1000;

/** What an entry takes beside its bytes: the entry, its payload and the smallest buffer. Bounds floods of tiny ones. */
const ENTRY_BYTES = 512;

/**
 * First in, first out, bounded in the units of its sizer and in bytes. Holds references on the payloads it was given;
 * with a store every payload is on disk before it counts as accepted, and stays there until `done` forgets it.
 */
export class SendingQueue {
  readonly #settings: QueueSettings;
  readonly #buffers: BufferPool;
  readonly #hooks: QueueHooks;
  #store: QueueStore | undefined;
  #entries: (QueueEntry | undefined)[] = [];
  #head = 0;
  #size = 0;
  #heldBytes = 0;
  #blocked: Blocked[] = [];

  constructor(settings: QueueSettings, buffers: BufferPool, hooks: QueueHooks) {
    this.#settings = settings;
    this.#buffers = buffers;
    this.#hooks = hooks;
  }

  /** Fill in the units of the sizer, including what is being sent. */
  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#settings.capacity;
  }

  /** Bytes of messages in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Entries that wait to be taken. */
  get waiting(): number {
    return this.#entries.length - this.#head;
  }

  /** Whether entries outlive the process. */
  get durable(): boolean {
    return this.#store !== undefined;
  }

  /** Keeps entries in `store` from now on and takes over what it holds, even beyond the capacity. */
  attach(store: QueueStore): void {
    this.#store = store;
    for (const { key, signal, items, sizeBytes } of store.entries()) {
      const units = this.#units(items, sizeBytes);
      this.#size += units;
      this.#entries.push({ signal, key, units, sizeBytes, items, payload: undefined, waiter: undefined });
    }
  }

  /**
   * Accepts the payload or throws a `ConsumeError`: overload where there is no room, permanent where there never will
   * be. With `blockOnOverflow` it waits for room. Resolves when accepted, with `waitForResult` when delivered.
   */
  async offer(payload: Payload): Promise<void> {
    const { capacity, sizer, maxBytes, blockOnOverflow, waitForResult } = this.#settings;
    const sizeBytes = payload.bytes.length;
    const units = this.#units(sizer === "items" ? payload.items : 0, sizeBytes);
    if (units > capacity || (!this.#store && sizeBytes + ENTRY_BYTES > maxBytes)) {
      const message = `sending queue: a request of ${sizeBytes} bytes is larger than the whole queue`;
      throw this.#refusal(payload, ConsumeError.permanent(message));
    }
    const room = this.#blocked.length === 0 && this.#fits(units, sizeBytes);
    if (room && !waitForResult) return this.#accept(payload, units, undefined);
    if (!room && !blockOnOverflow) {
      const message = `sending queue is full (${this.#size} of ${capacity} ${sizer}, ${this.#heldBytes} bytes in memory)`;
      throw this.#refusal(payload, ConsumeError.overload(message, OVERFLOW_RETRY_MS));
    }
    return new Promise<void>((resolve, reject) => {
      if (room) this.#accept(payload, units, { resolve, reject });
      else this.#blocked.push({ payload, units, resolve, reject });
    });
  }

  /** The oldest entry, with its payload unless the store lost it; undefined when nothing waits. */
  take(): QueueEntry | undefined {
    const entry = this.#entries[this.#head];
    if (!entry) return undefined;
    this.#entries[this.#head++] = undefined;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    if (!entry.payload) this.#readBack(entry);
    return entry;
  }

  /** Frees the room of an entry that was taken. @param forget false leaves it in the store for the next process */
  done(entry: QueueEntry, forget: boolean): void {
    this.#size -= entry.units;
    if (entry.payload) {
      this.#heldBytes -= entry.sizeBytes + ENTRY_BYTES;
      entry.payload.release();
      entry.payload = undefined;
    }
    if (forget && entry.key >= 0) this.#store?.remove(entry.key);
    this.#admitBlocked();
  }

  /** Ends the waiting of those who wait for room. */
  refuseBlocked(reason: ConsumeError): void {
    for (const blocked of this.#blocked.splice(0)) blocked.reject(this.#refusal(blocked.payload, reason));
  }

  /** Closes the store. Nothing may be called afterwards. */
  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  #units(items: number, sizeBytes: number): number {
    switch (this.#settings.sizer) {
      case "requests":
        return 1;
      case "items":
        return Math.max(1, items);
      case "bytes":
        return Math.max(1, sizeBytes);
    }
  }

  #fits(units: number, sizeBytes: number): boolean {
    if (this.#size + units > this.#settings.capacity) return false;
    return this.#store !== undefined || this.#heldBytes + sizeBytes + ENTRY_BYTES <= this.#settings.maxBytes;
  }

  /** Throws where the store refuses. */
  #accept(payload: Payload, units: number, waiter: Waiter | undefined): void {
    const sizeBytes = payload.bytes.length;
    const key = this.#store ? this.#append(this.#store, payload) : -1;
    const held = this.#heldBytes + sizeBytes + ENTRY_BYTES <= this.#settings.maxBytes;
    if (held) {
      this.#heldBytes += sizeBytes + ENTRY_BYTES;
      payload.retain();
    }
    this.#size += units;
    const { signal } = payload;
    const items = held ? 0 : payload.items;
    this.#entries.push({ signal, key, units, sizeBytes, items, payload: held ? payload : undefined, waiter });
    this.#hooks.accepted();
  }

  #admitBlocked(): void {
    let first: Blocked | undefined;
    while ((first = this.#blocked[0]) && this.#fits(first.units, first.payload.bytes.length)) {
      this.#blocked.shift();
      try {
        this.#accept(first.payload, first.units, this.#settings.waitForResult ? first : undefined);
        if (!this.#settings.waitForResult) first.resolve();
      } catch (error) {
        first.reject(errorFrom(error));
      }
    }
  }

  /** Bytes read back count as held until `done`, though they may pass `maxBytes` by one payload a consumer. */
  #readBack(entry: QueueEntry): void {
    const stored = this.#store?.read(entry.key);
    if (!stored) return;
    entry.payload = new Payload(stored.signal, this.#buffers.copyOf(stored.bytes), stored.origin, entry.items);
    this.#heldBytes += entry.sizeBytes + ENTRY_BYTES;
  }

  #append(store: QueueStore, payload: Payload): number {
    try {
      return store.append(payload);
    } catch (cause) {
      const message = "sending queue cannot store the request";
      throw this.#refusal(payload, ConsumeError.unavailable(message, OVERFLOW_RETRY_MS, { cause }));
    }
  }

  #refusal(payload: Payload, error: ConsumeError): ConsumeError {
    this.#hooks.refused(payload, error);
    return error;
  }
}
