import { ITEM_NAMES } from "#collector";
import type { Signal } from "#otlp";
import type { Counter, MetricRegistry } from "#telemetry";

/** Why a request could not be taken as OTLP. */
export type MalformedReason = "protobuf" | "json" | "content_type" | "profiles_version";

/** Counters of one receiver, signal and transport. Items are spans, data points, log records or samples. */
export class IntakeMetrics {
  /** Items that the pipeline took. */
  readonly accepted: Counter;
  /** Items that the pipeline refused. */
  readonly refused: Counter;
  /** Items lost to a bug. */
  readonly failed: Counter;
  readonly #malformed: (reason: MalformedReason) => Counter;

  constructor(registry: MetricRegistry, receiver: string, transport: "grpc" | "http", signal: Signal) {
    const labels = { receiver, transport };
    const items = ITEM_NAMES[signal];
    const shown = items.replace("_", " ");
    const counter = (what: string, help: string): Counter =>
      registry.counter(`otelcol_receiver_${what}_${items}`, { help }, labels);
    this.accepted = counter("accepted", `Number of ${shown} successfully pushed into the pipeline.`);
    this.refused = counter("refused", `Number of ${shown} that the pipeline refused.`);
    this.failed = counter("failed", `Number of ${shown} that failed to be processed by an internal error.`);
    this.#malformed = (reason) =>
      registry.counter(
        "podflame_receiver_malformed_requests",
        { help: "Requests that are no OTLP of the signal they were sent as." },
        { ...labels, signal, reason },
      );
  }

  malformed(reason: MalformedReason): void {
    this.#malformed(reason).add();
  }
}
