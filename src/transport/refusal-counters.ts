import type { Counter, Labels, MetricRegistry } from "#telemetry";

/** Why a server refused a request itself; the `reason` of its metric. */
export type RefusalReason =
  | "method"
  | "content_type"
  | "path"
  | "encoding"
  | "timeout_header"
  | "header_too_large"
  | "too_large"
  | "truncated"
  | "framing"
  | "corrupt_compression"
  | "slow"
  | "no_room";

/** Requests that a server refused before any handler saw them, by reason; and handlers that failed. */
export class RefusalCounters {
  readonly handlerFailures: Counter;
  readonly #metrics: MetricRegistry;
  readonly #labels: Labels;
  readonly #bound = new Map<RefusalReason, Counter>();

  constructor(metrics: MetricRegistry, labels: Labels) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.handlerFailures = metrics.counter(
      "podflame_server_handler_failures",
      { help: "Requests whose handler failed in a way that it shouldn't; each is logged." },
      labels,
    );
  }

  count(reason: RefusalReason): void {
    let counter = this.#bound.get(reason);
    if (!counter) {
      counter = this.#metrics.counter(
        "podflame_server_refused_requests",
        { help: "Requests refused by the server itself: malformed, too large, too slow, unknown path or encoding." },
        { ...this.#labels, reason },
      );
      this.#bound.set(reason, counter);
    }
    counter.add();
  }
}
