import type { ContainerInstance, ObjectRecord, PodRecord } from "#identity";
import type { Clock } from "#telemetry";
import { AttributeBlock, AttributeNames } from "./attribute-block.ts";
import { DistinctValues } from "./distinct-values.ts";
import { asksToBeIgnored, Extraction, type ExtractionConfig } from "./extraction.ts";
import { anywhereRegExp } from "./key-rules.ts";

/** Stands where a block would, for pods that are not to be named. */
export const IGNORED = Symbol("ignored");

const NOTHING: ReadonlyMap<string, string> = new Map();

/** All that decides what a pod's resources are given. Plain data: equal configurations give equal JSON. */
export interface EnrichmentConfig {
  readonly extraction: ExtractionConfig;
  /** Regular expressions of the names of pods not to be named; a match anywhere counts. */
  readonly excludedPods: readonly string[];
}

/**
 * What pods and containers are given, encoded and kept with the directory's records until those change. Shared by all
 * processors of equal configuration, so that four signals keep one copy.
 */
export class Enrichment {
  readonly names = new AttributeNames();
  readonly extraction: Extraction;
  /** What attributes get from labels and annotations. */
  readonly values: DistinctValues;
  readonly #excluded: readonly RegExp[];
  #cluster: { readonly uid: string; readonly block: AttributeBlock } | undefined;
  #dropped = 0;

  constructor(config: EnrichmentConfig, clock: Clock) {
    this.values = new DistinctValues(clock);
    this.extraction = new Extraction(config.extraction, this.values);
    this.#excluded = config.excludedPods.map(anywhereRegExp);
  }

  /** Attributes left out: for want of room among the names, or by the limits of patterns. */
  get dropped(): number {
    return this.#dropped + this.extraction.leftOut;
  }

  /** The block of a pod whose container is not known. `slot` is one of the directory's, for this enrichment alone. */
  ofPod(record: PodRecord, slot: number): AttributeBlock | typeof IGNORED {
    const kept = record.get(slot) as AttributeBlock | typeof IGNORED | undefined;
    if (kept !== undefined) return kept;
    const made = this.#ignores(record) ? IGNORED : this.#block(this.extraction.ofPod(record.pod, record));
    record.put(slot, made);
    return made;
  }

  /** The block of a pod and one of its containers in one. */
  ofInstance(instance: ContainerInstance, slot: number): AttributeBlock | typeof IGNORED {
    const kept = instance.get(slot) as AttributeBlock | typeof IGNORED | undefined;
    if (kept !== undefined) return kept;
    const made = this.#ignores(instance.record)
      ? IGNORED
      : this.#joined(instance.record, this.extraction.ofInstance(instance));
    instance.put(slot, made);
    return made;
  }

  /** The same for a run of the container that is not known: without what differs from run to run. */
  ofUnknownRun(instance: ContainerInstance, slot: number): AttributeBlock | typeof IGNORED {
    const ofPod = this.ofPod(instance.record, slot);
    if (ofPod === IGNORED) return IGNORED;
    return this.#joined(instance.record, this.extraction.ofContainer(instance.record.pod, instance.container));
  }

  /** The block of an object around pods, for everything that belongs to it. */
  ofObject(record: ObjectRecord, slot: number): AttributeBlock {
    const kept = record.get(slot) as AttributeBlock | undefined;
    if (kept !== undefined) return kept;
    const made = this.#block(record.object === undefined ? NOTHING : this.extraction.ofObject(record.object));
    record.put(slot, made);
    return made;
  }

  /** The block of a cluster. There is one in a process, as a rule. */
  ofCluster(uid: string): AttributeBlock {
    if (this.#cluster?.uid !== uid) this.#cluster = { uid, block: this.#block(new Map([["k8s.cluster.uid", uid]])) };
    return this.#cluster.block;
  }

  #ignores({ pod }: PodRecord): boolean {
    return this.#excluded.some((name) => name.test(pod.name)) || asksToBeIgnored(pod);
  }

  /** A name that both give is the pod's: it was written first. */
  #joined(record: PodRecord, container: ReadonlyMap<string, string | readonly string[]>): AttributeBlock {
    return this.#block(new Map([...container, ...this.extraction.ofPod(record.pod, record)]));
  }

  #block(attributes: ReadonlyMap<string, string | readonly string[]>): AttributeBlock {
    const block = new AttributeBlock(attributes, this.names);
    this.#dropped += block.dropped;
    return block;
  }
}
