/**
 * Why a payload was not taken, for the sender to act on. Receivers map it to gRPC and HTTP codes in one place
 * (components/otlp-receiver/status.ts); queues retry what is not permanent.
 */
export class ConsumeError extends Error {
  /** The same bytes will fail again: don't retry. */
  readonly permanent: boolean;
  /** When to try again, if the one who refused said so. */
  readonly retryAfterMs: number | undefined;
  /** What the sender should be told about: overload, or a fault further on. Only used when not permanent. */
  readonly reason: "overload" | "unavailable" | "invalid";

  private constructor(
    message: string,
    fields: Pick<ConsumeError, "permanent" | "retryAfterMs" | "reason">,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ConsumeError";
    this.permanent = fields.permanent;
    this.retryAfterMs = fields.retryAfterMs;
    this.reason = fields.reason;
  }

  /** The payload can't be taken, now or later. */
  static permanent(message: string, options?: ErrorOptions): ConsumeError {
    return new ConsumeError(message, { permanent: true, retryAfterMs: undefined, reason: "invalid" }, options);
  }

  /** No room at the moment (queue full, memory limit): RESOURCE_EXHAUSTED with RetryInfo, 429 with Retry-After. */
  static overload(message: string, retryAfterMs: number, options?: ErrorOptions): ConsumeError {
    return new ConsumeError(message, { permanent: false, retryAfterMs, reason: "overload" }, options);
  }

  /** Something further on doesn't answer: UNAVAILABLE, 503. */
  static unavailable(message: string, retryAfterMs?: number, options?: ErrorOptions): ConsumeError {
    return new ConsumeError(message, { permanent: false, retryAfterMs, reason: "unavailable" }, options);
  }
}

/** Anything caught, as an Error. */
export function errorFrom(caught: unknown): Error {
  return caught instanceof Error ? caught : new Error(String(caught), { cause: caught });
}

/** A credential. Shows itself as [REDACTED] in strings, JSON and inspection; `reveal` only where it is sent. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[REDACTED]";
  }

  toJSON(): string {
    return "[REDACTED]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[REDACTED]";
  }
}
