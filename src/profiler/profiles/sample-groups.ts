import { WordSet } from "../word-set.ts";
import { FLAWS } from "./flaws.ts";
import { type SampleLog, widened } from "./sample-log.ts";

/** What the builder has to know of a sample's stack and of the thread that it hit. */
export interface SampleSubjects {
  /** Number of the stack in the dictionary. */
  stackOf(stack: number): number;
  /** What is wrong with a stack: indexes of `FLAWS`, as bits. */
  flawsOf(stack: number): number;
  /** Number of the resource; negative for a sample to be left out. */
  resourceOf(context: number): number;
  /** List of attributes in the dictionary. */
  attributesOf(context: number): number;
}

/**
 * Samples that are one in the request: of the same resource, kind, attributes and stack. Chains instead of lists, so that
 * grouping makes no garbage.
 */
export class SampleGroups {
  /** Resource and kind, attributes, stack. */
  readonly #keys = new WordSet(3);
  #first = new Int32Array(256);
  #last = new Int32Array(256);
  #counts = new Float64Array(256);
  #sums = new Float64Array(256);
  /** The next group of the same resource. */
  #next = new Int32Array(256);
  /** The next sample of the same group. */
  #nextSample = new Int32Array(1024);
  /** By resource, its first group and its last; -1 for none. And which kinds it has, as bits. */
  #firstOf = new Int32Array(64);
  #lastOf = new Int32Array(64);
  #kindsOf = new Uint8Array(64);
  /** By resource and kind, samples with each of the flaws. */
  #flawed = new Uint32Array(128 * FLAWS.length);

  /** Samples in all groups. */
  samples = 0;

  gather(log: SampleLog, subjects: SampleSubjects, resources: number): void {
    this.#begin(log.length, resources);
    const keys = this.#keys;
    const { key } = keys;
    for (let at = 0; at < log.length; at++) {
      const context = log.contexts[at]!;
      const kind = log.kinds[at]!;
      const resource = subjects.resourceOf(context);
      if (resource < 0) continue;
      this.samples++;
      this.#countFlaws(resource * 2 + kind, subjects.flawsOf(log.stacks[at]!));
      key[0] = resource * 2 + kind;
      key[1] = subjects.attributesOf(context);
      key[2] = subjects.stackOf(log.stacks[at]!);
      const known = keys.size;
      const group = keys.intern();
      if (group === known) this.#open(group, resource, kind, at);
      else this.#nextSample[this.#last[group]!] = at;
      this.#last[group] = at;
      this.#nextSample[at] = -1;
      this.#counts[group]!++;
      this.#sums[group]! += log.values[at]!;
    }
  }

  firstOf(resource: number): number {
    return this.#firstOf[resource]!;
  }

  has(resource: number, kind: number): boolean {
    return (this.#kindsOf[resource]! & (1 << kind)) !== 0;
  }

  /** Samples of a resource and kind whose stack has the flaw. */
  flawed(resource: number, kind: number, flaw: number): number {
    return this.#flawed[(resource * 2 + kind) * FLAWS.length + flaw]!;
  }

  next(group: number): number {
    return this.#next[group]!;
  }

  kind(group: number): number {
    return this.#keys.at(group, 0) & 1;
  }

  attributes(group: number): number {
    return this.#keys.at(group, 1);
  }

  stack(group: number): number {
    return this.#keys.at(group, 2);
  }

  count(group: number): number {
    return this.#counts[group]!;
  }

  sum(group: number): number {
    return this.#sums[group]!;
  }

  firstSample(group: number): number {
    return this.#first[group]!;
  }

  nextSample(sample: number): number {
    return this.#nextSample[sample]!;
  }

  #begin(samples: number, resources: number): void {
    this.samples = 0;
    this.#keys.clear();
    if (samples > this.#nextSample.length) this.#nextSample = new Int32Array(samples * 2);
    if (resources > this.#firstOf.length) {
      this.#firstOf = new Int32Array(resources * 2);
      this.#lastOf = new Int32Array(resources * 2);
      this.#kindsOf = new Uint8Array(resources * 2);
      this.#flawed = new Uint32Array(resources * 4 * FLAWS.length);
    }
    this.#firstOf.fill(-1);
    this.#kindsOf.fill(0);
    this.#flawed.fill(0);
  }

  #countFlaws(owner: number, flaws: number): void {
    for (let flaw = 0, rest = flaws; rest !== 0; flaw++, rest >>>= 1) {
      if ((rest & 1) !== 0) this.#flawed[owner * FLAWS.length + flaw]!++;
    }
  }

  #open(group: number, resource: number, kind: number, sample: number): void {
    if (group === this.#first.length) this.#grow();
    this.#first[group] = sample;
    this.#counts[group] = this.#sums[group] = 0;
    this.#next[group] = -1;
    if (this.#firstOf[resource]! < 0) this.#firstOf[resource] = group;
    else this.#next[this.#lastOf[resource]!] = group;
    this.#lastOf[resource] = group;
    this.#kindsOf[resource]! |= 1 << kind;
  }

  #grow(): void {
    const length = this.#first.length * 2;
    this.#first = widened(this.#first, new Int32Array(length));
    this.#last = widened(this.#last, new Int32Array(length));
    this.#next = widened(this.#next, new Int32Array(length));
    this.#counts = widened(this.#counts, new Float64Array(length));
    this.#sums = widened(this.#sums, new Float64Array(length));
  }
}
