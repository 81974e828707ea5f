import type { ObjectKind } from "#kubernetes";
import type { Counter, Labels, MetricRegistry } from "#telemetry";

/** What a directory counts of objects other than pods. Events are named as the Collector's; the rest is podflame's. */
export class ObjectMetrics {
  /** Objects that were not taken because there were too many. */
  readonly refused: Counter;
  readonly #metrics: MetricRegistry;
  readonly #labels: Labels;
  readonly #events = new Map<string, Counter>();
  readonly #sizes = new Map<ObjectKind, () => number>();

  constructor(metrics: MetricRegistry, directory: string) {
    this.#metrics = metrics;
    this.#labels = { directory };
    this.refused = metrics.counter(
      "podflame_identity_objects_refused",
      { help: "Objects other than pods that were not taken because there were too many." },
      this.#labels,
    );
  }

  added(kind: ObjectKind): void {
    this.#event(kind, "added", "Objects seen for the first time.").add();
  }

  updated(kind: ObjectKind): void {
    this.#event(kind, "updated", "Objects seen again, changed or not.").add();
  }

  deleted(kind: ObjectKind): void {
    this.#event(kind, "deleted", "Objects reported as deleted.").add();
  }

  /** Shows how many objects of that kind there are, known or mentioned by others. */
  size(kind: ObjectKind, read: () => number): void {
    const help = "Objects other than pods that are known, or that pods mention.";
    const labels = { ...this.#labels, kind: kind.toLowerCase() };
    this.#sizes.set(kind, read);
    this.#metrics.observe("podflame_identity_objects", { help }, labels, () => this.#sizes.get(kind)?.() ?? 0);
  }

  /** Lets go of the objects: the registry outlives them. */
  close(): void {
    this.#sizes.clear();
  }

  #event(kind: ObjectKind, what: string, help: string): Counter {
    const name = `otelcol_k8s_watcher_${kind.toLowerCase()}_${what}`;
    let counter = this.#events.get(name);
    if (counter === undefined) {
      this.#events.set(name, (counter = this.#metrics.counter(name, { help }, this.#labels)));
    }
    return counter;
  }
}
