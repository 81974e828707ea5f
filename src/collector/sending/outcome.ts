import type { PartialSuccess } from "#otlp";

/** How one attempt to send a payload ended. A failed attempt is a value: only a bug throws. */
export type SendOutcome =
  | {
      readonly kind: "sent";
      /** What the receiving end refused, or warned of, although it took the request. */
      readonly partial?: PartialSuccess;
    }
  | {
      /** Not taken; the same bytes may be taken later. */
      readonly kind: "retryable";
      readonly message: string;
      /** The delay that the receiving end asked for. */
      readonly retryAfterMs?: number;
      /** The receiving end is alive and has too much to do. */
      readonly overloaded?: boolean;
      readonly cause?: Error;
    }
  | {
      /** Not taken, and the same bytes never will be. */
      readonly kind: "permanent";
      readonly message: string;
      readonly cause?: Error;
    };

/** The outcome of nearly every attempt, so that it costs nothing. */
export const SENT: SendOutcome = { kind: "sent" };

/** An attempt that did not deliver. */
export type SendFailure = Exclude<SendOutcome, { kind: "sent" }>;

/** What a log says of a failure; the cause only where the message doesn't hold it already. */
export function failureFields({ message, cause }: SendFailure): Readonly<Record<string, unknown>> {
  return cause && !message.includes(cause.message) ? { reason: message, error: cause } : { reason: message };
}
