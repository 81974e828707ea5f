import type { PartialSuccess, Payload } from "#otlp";
import type { Telemetry } from "#telemetry";
import { errorFrom } from "../errors.ts";
import { Backoff, type RetrySettings } from "./backoff.ts";
import type { SendingMetrics } from "./metrics.ts";
import { failureFields, type SendOutcome } from "./outcome.ts";
import type { ThrottledLog } from "./throttled-log.ts";

/**
 * One attempt. The payload is held by the caller until the promise settles.
 *
 * @param signal aborts when the process can't wait any longer: resolve soon, with whatever outcome
 */
export type Send = (payload: Payload, signal: AbortSignal) => Promise<SendOutcome>;

/** What a delivery works with. */
export interface DeliveryParts {
  readonly send: Send;
  /** Absent: one attempt each. */
  readonly retry: RetrySettings | undefined;
  readonly telemetry: Telemetry;
  readonly metrics: SendingMetrics;
  readonly log: ThrottledLog;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type Retryable = Extract<SendOutcome, { kind: "retryable" }>;

/**
 * Sends payloads until they are delivered or given up, with delays that grow or that the receiving end dictates.
 * Counts what was delivered; what was given up is its caller's to count, who may still have a place for it.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #drain = new AbortController();
  readonly #cut = new AbortController();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** From now on nothing is retried: who waits for a retry makes it at once, as the last. */
  drain(): void {
    this.#drain.abort();
  }

  /** Ends attempts under way. */
  cut(): void {
    this.#drain.abort();
    this.#cut.abort();
  }

  get draining(): boolean {
    return this.#drain.signal.aborted;
  }

  get isCut(): boolean {
    return this.#cut.signal.aborted;
  }

  /** Resolves with how the last attempt ended; never rejects. */
  async deliver(payload: Payload): Promise<SendOutcome> {
    const { retry, telemetry } = this.#parts;
    const startedMs = telemetry.clock.monotonicMs();
    const first = await this.#attempt(payload);
    const outcome =
      first.kind === "retryable" && retry && !this.draining
        ? await this.#again(payload, first, retry, startedMs)
        : first;
    if (outcome.kind === "sent") this.#countSent(payload, outcome.partial);
    return outcome;
  }

  async #again(payload: Payload, first: Retryable, retry: RetrySettings, startedMs: number): Promise<SendOutcome> {
    const { telemetry, metrics, random } = this.#parts;
    const backoff = new Backoff(retry, random);
    let outcome: SendOutcome = first;
    do {
      const delayMs = Math.max(backoff.next(), outcome.retryAfterMs ?? 0);
      const elapsedMs = telemetry.clock.monotonicMs() - startedMs;
      if (retry.maxElapsedMs > 0 && elapsedMs + delayMs > retry.maxElapsedMs) {
        return { ...outcome, message: `no retries left after ${Math.round(elapsedMs)} ms: ${outcome.message}` };
      }
      this.#tellRetry(payload, outcome, delayMs);
      // Interrupted by `drain`: this attempt is the last.
      await telemetry.clock.sleep(delayMs, this.#drain.signal).catch(() => undefined);
      metrics.retries.add();
      outcome = await this.#attempt(payload);
    } while (outcome.kind === "retryable" && !this.draining);
    return outcome;
  }

  async #attempt(payload: Payload): Promise<SendOutcome> {
    if (this.isCut) return { kind: "retryable", message: "not sent, the process is ending" };
    try {
      return await this.#parts.send(payload, this.#cut.signal);
    } catch (caught) {
      // Failed attempts are values, so this is a bug; the same payload would meet it again.
      const cause = errorFrom(caught);
      const fields = { error: cause, stack: cause.stack };
      this.#parts.log.tell("error", "bug", "exporter failed unexpectedly", fields, 0);
      return { kind: "permanent", message: `exporter failed unexpectedly: ${cause.message}`, cause };
    }
  }

  #countSent(payload: Payload, partial: PartialSuccess | undefined): void {
    const { metrics, log } = this.#parts;
    const counters = metrics.of(payload.signal);
    counters.sent.add(payload.items);
    if (!partial) return;
    counters.rejected.add(partial.rejected);
    const told = partial.rejected > 0 ? "receiving end refused a part of a request" : "receiving end gave a warning";
    const fields = { signal: payload.signal, answer: partial.message };
    log.tell("warn", `partial ${partial.rejected > 0} ${payload.signal}`, told, fields, partial.rejected);
  }

  #tellRetry(payload: Payload, outcome: Retryable, delayMs: number): void {
    const fields = { signal: payload.signal, ...failureFields(outcome), retryInMs: Math.round(delayMs) };
    this.#parts.log.tell("warn", `retry ${payload.signal}`, "sending failed, will retry", fields, 0);
  }
}
