import type { MessageBuffer } from "#wire";
import { countItems } from "./envelope.ts";
import type { Signal } from "./signal.ts";

/** Where a payload came from, as far as later components need to know. Requests of one connection share the object. */
export interface Origin {
  readonly protocol: "grpc" | "http" | "internal";
  /** Address of the peer without port, for association by connection. */
  readonly peerAddress?: string;
  /** Profiles only: the package of the service that was called. */
  readonly profilesService?: "v1development" | "v1experimental";
  /** Profiles only: value of `otlp-profiles-development-version`, when the sender gave one. */
  readonly profilesDevelopmentVersion?: string;
  readonly userAgent?: string;
}

/** Requests that podflame makes itself. */
export const INTERNAL_ORIGIN: Origin = { protocol: "internal" };

/**
 * One OTLP export request, as the protobuf bytes of Export{Trace,Metrics,Logs,Profiles}ServiceRequest. The bytes are
 * never changed in place: an edit makes another payload. References are counted by the buffer (see `MessageBuffer`):
 * who is handed a payload may use it until its call settles, and retains it to keep it longer.
 */
export class Payload {
  readonly signal: Signal;
  readonly buffer: MessageBuffer;
  readonly origin: Origin;
  #items: number | undefined;

  /** @param items spans, data points, log records or samples in it; counted when first asked for unless given */
  constructor(signal: Signal, buffer: MessageBuffer, origin: Origin, items?: number) {
    this.signal = signal;
    this.buffer = buffer;
    this.origin = origin;
    this.#items = items;
  }

  get bytes(): Uint8Array {
    return this.buffer.bytes;
  }

  /** Spans, data points, log records or samples; 0 for bytes that are not such a request. */
  get items(): number {
    if (this.#items === undefined) {
      const counted = countItems(this.signal, this.bytes);
      this.#items = typeof counted === "number" ? counted : 0;
    }
    return this.#items;
  }

  /** The same request after an edit of its resources: other bytes, everything else as it was. */
  withBuffer(buffer: MessageBuffer): Payload {
    return new Payload(this.signal, buffer, this.origin, this.#items);
  }

  retain(): this {
    this.buffer.retain();
    return this;
  }

  release(): void {
    this.buffer.release();
  }
}
