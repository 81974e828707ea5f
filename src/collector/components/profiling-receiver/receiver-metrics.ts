import { ITEM_NAMES } from "#collector";
import type { Counter, MetricRegistry } from "#telemetry";

/** What became of samples at the border to the pipelines; the profiler itself counts what happens before. */
export class ReceiverMetrics {
  /** Samples that the pipeline took. */
  readonly accepted: Counter;
  /** Samples that the pipeline refused, for good or for too long. */
  readonly refused: Counter;
  /** Samples lost to a bug. */
  readonly failed: Counter;

  constructor(registry: MetricRegistry, receiver: string) {
    const counter = (what: string, help: string): Counter =>
      registry.counter(
        `otelcol_receiver_${what}_${ITEM_NAMES.profiles}`,
        { help },
        { receiver, transport: "internal" },
      );
    this.accepted = counter("accepted", "Number of profile samples successfully pushed into the pipeline.");
    this.refused = counter("refused", "Number of profile samples that the pipeline refused.");
    this.failed = counter("failed", "Number of profile samples that failed to be processed by an internal error.");
  }
}
