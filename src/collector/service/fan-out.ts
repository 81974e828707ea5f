import type { Payload } from "#otlp";
import type { Consumer } from "../component.ts";
import { ConsumeError } from "../errors.ts";

/**
 * Gives each payload to all of `consumers`. Every one gets it, whatever the others say; the outcome is known when the
 * last one has answered. If any refused, so does the fan-out: "try again" if that can help with at least one of them,
 * with the longest delay that was asked for, otherwise for good. A retry reaches those again that took the payload, as
 * in the Collector.
 */
export function fanOut(consumers: readonly Consumer[]): Consumer {
  const [only] = consumers;
  if (only === undefined) throw new RangeError("a fan-out needs at least one consumer");
  return consumers.length === 1 ? only : new FanOut(consumers);
}

class FanOut implements Consumer {
  readonly #consumers: readonly Consumer[];

  constructor(consumers: readonly Consumer[]) {
    this.#consumers = consumers;
  }

  async consume(payload: Payload): Promise<void> {
    const outcomes = await Promise.allSettled(this.#consumers.map((consumer) => consumer.consume(payload)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw combined(failures);
  }
}

function combined(failures: readonly unknown[]): unknown {
  const refusals = failures.filter((failure) => failure instanceof ConsumeError);
  const bug = failures.find((failure) => !(failure instanceof ConsumeError));
  // The guard before every consumer turns bugs into refusals; one that comes from elsewhere must stay visible.
  if (bug !== undefined) return bug;
  if (refusals.length === 1) return refusals[0];
  const message = refusals.map((refusal) => refusal.message).join("; ");
  const cause = new AggregateError(refusals, message);
  const temporary = refusals.filter((refusal) => !refusal.permanent);
  if (temporary.length === 0) return ConsumeError.permanent(message, { cause });
  const delays = temporary.flatMap(({ retryAfterMs }) => (retryAfterMs === undefined ? [] : [retryAfterMs]));
  const longest = delays.length > 0 ? Math.max(...delays) : undefined;
  return longest !== undefined && temporary.some(({ reason }) => reason === "overload")
    ? ConsumeError.overload(message, longest, { cause })
    : ConsumeError.unavailable(message, longest, { cause });
}
