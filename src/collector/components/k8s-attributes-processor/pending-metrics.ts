import type { Signal } from "#otlp";
import type { Counter, MetricRegistry } from "#telemetry";

/** How it ended that a resource waited for its pod; or why it didn't wait, though it might have (`full`). */
export type WaitEnd = "arrived" | "timeout" | "full" | "shutdown";

/** What is counted of resources that wait. */
export class PendingMetrics {
  readonly ends: Readonly<Record<WaitEnd, Counter>>;

  /** @param held what waits at the moment: requests, and their bytes in all pipelines of that processor */
  constructor(
    metrics: MetricRegistry,
    processor: string,
    signal: Signal,
    held: { readonly requests: () => number; readonly bytes: () => number },
  ) {
    const labels = { processor, otel_signal: signal };
    const end = (name: WaitEnd): Counter =>
      metrics.counter(
        "podflame_identity_waits",
        { help: "Resources that waited for their pod to be known, by how that ended; or had no room to wait." },
        { ...labels, end: name },
      );
    this.ends = { arrived: end("arrived"), timeout: end("timeout"), full: end("full"), shutdown: end("shutdown") };
    const help = "Requests that wait for pods to be known.";
    metrics.observe("podflame_identity_pending_requests", { help }, labels, held.requests);
    metrics.observe(
      "podflame_identity_pending_bytes",
      { help: "Memory of requests that wait for pods to be known." },
      { processor },
      held.bytes,
    );
  }
}
