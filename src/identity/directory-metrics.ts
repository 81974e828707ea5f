import type { Counter, Labels, MetricRegistry } from "#telemetry";

/** What is read when somebody asks for the metrics. */
export interface DirectorySizes {
  pods(): number;
  containerIds(): number;
  indexed(): number;
}

/** A directory's own metrics. Events are named as the Collector's; the rest is podflame's. */
export class DirectoryMetrics {
  readonly added: Counter;
  readonly updated: Counter;
  readonly deleted: Counter;
  readonly ambiguous: Counter;
  readonly evicted: Counter;
  readonly refused: Counter;
  readonly unidentified: Counter;
  #sizes: DirectorySizes | undefined;

  constructor(metrics: MetricRegistry, directory: string, sizes: DirectorySizes) {
    const labels: Labels = { directory };
    this.#sizes = sizes;
    const event = (name: string, help: string): Counter =>
      metrics.counter(`otelcol_k8s_watcher_pod_${name}`, { help }, labels);
    this.added = event("added", "Pods seen for the first time.");
    this.updated = event("updated", "Pods seen again, changed or not.");
    this.deleted = event("deleted", "Pods reported as deleted.");
    this.ambiguous = metrics.counter(
      "podflame_identity_ambiguous",
      { help: "Look-ups that several pods had an equal right to, and that nobody was named for." },
      labels,
    );
    const turnedAway = {
      help: "Pods dropped before their time or never taken, because there were too many or by fault.",
    };
    const reason = (name: string): Counter =>
      metrics.counter("podflame_identity_evicted", turnedAway, { ...labels, reason: name });
    this.evicted = reason("limit_deleted_pod");
    this.refused = reason("limit_new_pod");
    this.unidentified = reason("no_uid_no_name");
    const size = (name: string, help: string, labelled: Labels, read: (sizes: DirectorySizes) => number): void =>
      metrics.observe(name, { help }, labelled, () => (this.#sizes === undefined ? 0 : read(this.#sizes)));
    size("podflame_identity_pods", "Pods known, those deleted within the grace period included.", labels, (s) =>
      s.pods(),
    );
    const keys = "Keys that lead to pods.";
    size("podflame_identity_keys", keys, { ...labels, kind: "uid" }, (s) => s.pods());
    size("podflame_identity_keys", keys, { ...labels, kind: "container_id" }, (s) => s.containerIds());
    size("podflame_identity_keys", keys, { ...labels, kind: "index" }, (s) => s.indexed());
  }

  /** Lets go of the directory: the registry outlives it. */
  close(): void {
    this.#sizes = undefined;
  }
}
