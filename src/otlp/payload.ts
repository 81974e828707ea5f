import type { MessageBuffer } from "#wire";

/** The four kinds of telemetry. A parameter everywhere, never four copies of a file. */
export const SIGNALS = ["traces", "metrics", "logs", "profiles"] as const;
export type Signal = (typeof SIGNALS)[number];

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

  constructor(signal: Signal, buffer: MessageBuffer, origin: Origin) {
    this.signal = signal;
    this.buffer = buffer;
    this.origin = origin;
  }

  get bytes(): Uint8Array {
    return this.buffer.bytes;
  }

  retain(): this {
    this.buffer.retain();
    return this;
  }

  release(): void {
    this.buffer.release();
  }
}
