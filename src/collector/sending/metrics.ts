import type { Signal } from "#otlp";
import type { Counter, Labels, MetricRegistry } from "#telemetry";

/** How the Collector's metric names call the items of a signal. */
export const ITEM_NAMES: Readonly<Record<Signal, string>> = {
  traces: "spans",
  metrics: "metric_points",
  logs: "log_records",
  profiles: "profile_samples",
};

/** Counters of one exporter and signal. */
export interface SignalCounters {
  /** Items delivered. */
  readonly sent: Counter;
  /** Items given up: permanent error, retries used up, or left over at shutdown. */
  readonly sendFailed: Counter;
  /** Items that found no room in the queue. */
  readonly enqueueFailed: Counter;
  /** Items that the receiving end refused in an answer of partial success. */
  readonly rejected: Counter;
}

/** The metrics of one exporter, under the Collector's names; bound per signal when it first occurs. */
export class SendingMetrics {
  readonly #registry: MetricRegistry;
  readonly #labels: Labels;
  readonly #bySignal: Partial<Record<Signal, SignalCounters>> = {};
  /** Attempts after the first of a payload. */
  readonly retries: Counter;

  constructor(registry: MetricRegistry, exporter: string) {
    this.#registry = registry;
    this.#labels = { exporter };
    this.retries = registry.counter(
      "podflame_exporter_retries",
      { help: "Attempts to send a request again after a retryable failure." },
      this.#labels,
    );
  }

  of(signal: Signal): SignalCounters {
    return (this.#bySignal[signal] ??= this.#bind(signal));
  }

  /** Shows the fill of the queue, in the units of its sizer, and what it holds in bytes. */
  observeQueue(queue: { readonly size: number; readonly capacity: number; readonly heldBytes: number }): void {
    const gauges = [
      ["otelcol_exporter_queue_size", "Fill of the sending queue, in the units of its sizer.", () => queue.size],
      ["otelcol_exporter_queue_capacity", "Capacity of the sending queue.", () => queue.capacity],
      ["podflame_exporter_queue_bytes", "Bytes of messages that the queue holds in memory.", () => queue.heldBytes],
    ] as const;
    for (const [name, help, read] of gauges) this.#registry.observe(name, { help }, this.#labels, read);
  }

  /** Shows how many payloads are under way, back-off included. */
  observeInFlight(read: () => number): void {
    const help = "Number of export requests under way, including those that wait to be retried.";
    this.#registry.observe("otelcol_exporter_in_flight_requests", { help }, this.#labels, read);
  }

  #bind(signal: Signal): SignalCounters {
    const items = ITEM_NAMES[signal];
    const shown = items.replace("_", " ");
    const counter = (name: string, help: string): Counter => this.#registry.counter(name, { help }, this.#labels);
    return {
      sent: counter(`otelcol_exporter_sent_${items}`, `Number of ${shown} that were delivered.`),
      sendFailed: counter(`otelcol_exporter_send_failed_${items}`, `Number of ${shown} that could not be delivered.`),
      enqueueFailed: counter(
        `otelcol_exporter_enqueue_failed_${items}`,
        `Number of ${shown} that found no room in the sending queue.`,
      ),
      rejected: this.#registry.counter(
        "podflame_exporter_partial_success_rejected",
        { help: "Number of items that the receiving end refused although it accepted the request." },
        { ...this.#labels, signal },
      ),
    };
  }
}
