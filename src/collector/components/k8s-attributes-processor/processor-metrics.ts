import { MISS_REASONS, type MissReason } from "#identity";
import type { Signal } from "#otlp";
import type { Counter, MetricRegistry } from "#telemetry";

/** The processor's own metrics; names as the Collector's where it has them. */
export class ProcessorMetrics {
  readonly incoming: Counter;
  readonly outgoing: Counter;
  readonly #malformed: Counter;
  readonly #unresolved: Counter;
  readonly dropped: Counter;
  /** Counters of hits by rule, then of failures by rule, then of misses by reason. */
  readonly #counters: readonly Counter[];
  readonly #rules: number;
  /** Counts of the request at hand: it may have to be looked at twice, and must be counted once. */
  readonly #tally: Int32Array;
  #malformedNow = 0;
  #unresolvedNow = 0;

  /** @param rules what the metrics call the association rules, by number */
  constructor(metrics: MetricRegistry, processor: string, signal: Signal, rules: readonly string[]) {
    const labels = { processor, otel_signal: signal };
    const counter = (name: string, help: string, more: Readonly<Record<string, string>> = {}): Counter =>
      metrics.counter(name, { help }, { ...labels, ...more });
    this.incoming = counter("otelcol_processor_incoming_items", "Items passed to the processor.");
    this.outgoing = counter("otelcol_processor_outgoing_items", "Items emitted from the processor.");
    this.#malformed = counter(
      "podflame_processor_malformed_resources",
      "Resources passed on as they came because their bytes are broken.",
    );
    this.#unresolved = counter(
      "podflame_processor_unresolved_references",
      "References of resources that point outside the string table.",
    );
    this.dropped = counter(
      "podflame_identity_attributes_dropped",
      "Attributes of pods that were left out because rules gave too many different names.",
    );
    const association = (status: string) => (rule: string) =>
      counter("otelcol_k8s_pod_association", "Resources whose identifier was looked up.", {
        status,
        pod_identifier: rule,
      });
    this.#rules = rules.length;
    this.#counters = [
      ...rules.map(association("success")),
      ...rules.map(association("error")),
      ...MISS_REASONS.map((reason) =>
        counter("podflame_identity_misses", "Resources that were not named, by reason.", { reason }),
      ),
    ];
    this.#tally = new Int32Array(this.#counters.length);
  }

  hit(rule: number): void {
    this.#tally[rule]!++;
  }

  /** @param rule the first rule that resolved; -1 where none did */
  miss(reason: MissReason, rule: number): void {
    this.#tally[this.#rules * 2 + MISS_REASONS.indexOf(reason)]!++;
    if (rule >= 0) this.#tally[this.#rules + rule]!++;
  }

  /** What the request at hand has of malformed resources, and of references that lead nowhere. */
  broken(malformed: number, unresolved: number): void {
    this.#malformedNow = malformed;
    this.#unresolvedNow = unresolved;
  }

  /** Forgets the counts of the request at hand. */
  discard(): void {
    this.broken(0, 0);
    this.#tally.fill(0);
  }

  /** Adds the counts of the request at hand to the metrics. */
  commit(): void {
    this.#malformed.add(this.#malformedNow);
    this.#unresolved.add(this.#unresolvedNow);
    for (let at = 0; at < this.#tally.length; at++) {
      if (this.#tally[at] !== 0) this.#counters[at]!.add(this.#tally[at]);
    }
    this.discard();
  }
}
