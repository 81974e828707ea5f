import type { Dictionary, ProfileRecord, ProfilesModel } from "#otlp";
import { sampleWeight } from "./sample-weights.ts";

/** How much a function weighs: on its own, and with what it called. Recursion counts once. */
export interface FunctionWeight {
  readonly name: string;
  readonly self: number;
  readonly total: number;
}

/** Functions that are told apart, and what the rest is called. */
const MOST_NAMES = 500_000;
const OTHERS = "(other functions)";

/** Weighs functions over any number of requests, by the first type of the first profile that has samples. */
export class TopFunctions {
  /** Type and unit; undefined before there was a sample. */
  type: { readonly type: string; readonly unit: string } | undefined;
  /** Of all samples of the type. */
  sum = 0;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #self: number[] = [];
  readonly #total: number[] = [];
  /** Number of the stack that the function was counted in last. */
  readonly #seen: number[] = [];
  #stacks = 0;

  add(model: ProfilesModel): void {
    const weights = this.#weighStacks(model);
    if (weights) this.#weighFunctions(model.dictionary, weights);
  }

  /** The heaviest on their own first, then those with the heaviest total. */
  top(count: number): FunctionWeight[] {
    return this.#names
      .map((name, id) => ({ name, self: this.#self[id]!, total: this.#total[id]! }))
      .sort((a, b) => b.self - a.self || b.total - a.total || (a.name < b.name ? -1 : 1))
      .slice(0, count);
  }

  /** What each stack weighs; undefined without samples of the type. */
  #weighStacks({ resources, dictionary }: ProfilesModel): Float64Array | undefined {
    let weights: Float64Array | undefined;
    for (const { scopes } of resources) {
      for (const { profiles } of scopes) {
        for (const profile of profiles) {
          const type = profile.samples.length === 0 ? -1 : this.#typeOf(profile, dictionary);
          if (type < 0) continue;
          weights ??= new Float64Array(dictionary.stacks.length);
          const { length, stack } = profile.samples;
          for (let sample = 0; sample < length; sample++) {
            weights[stack[sample]!]! += sampleWeight(profile, sample, type);
          }
        }
      }
    }
    return weights;
  }

  /** Position of the weighed type among the profile's types; -1 where it has another one. */
  #typeOf({ types }: ProfileRecord, { strings }: Dictionary): number {
    const [first] = types;
    if (first === undefined) return -1;
    this.type ??= { type: strings.text(first.type), unit: strings.text(first.unit) };
    const { type, unit } = this.type;
    return types.findIndex((one) => strings.text(one.type) === type && strings.text(one.unit) === unit);
  }

  #weighFunctions(dictionary: Dictionary, weights: Float64Array): void {
    const { stacks, locations } = dictionary;
    const namer = new FrameNamer(dictionary, (name) => this.#idOf(name));
    for (let stack = 0; stack < weights.length; stack++) {
      const weight = weights[stack]!;
      if (weight === 0) continue;
      this.sum += weight;
      const serial = ++this.#stacks;
      const first = stacks.offsets[stack]!;
      for (let at = first; at < stacks.offsets[stack + 1]!; at++) {
        const location = stacks.values[at]!;
        const line = locations.lineOffsets[location]!;
        const end = Math.max(line + 1, locations.lineOffsets[location + 1]!);
        for (let inlined = line; inlined < end; inlined++) {
          const id = namer.frame(location, inlined);
          if (at === first && inlined === line) this.#self[id]! += weight;
          if (this.#seen[id] === serial) continue;
          this.#seen[id] = serial;
          this.#total[id]! += weight;
        }
      }
    }
  }

  #idOf(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined && this.#ids.size >= MOST_NAMES && name !== OTHERS) return this.#idOf(OTHERS);
    if (id === undefined) {
      id = this.#names.push(name) - 1;
      this.#ids.set(name, id);
      this.#self.push(0);
      this.#total.push(0);
      this.#seen.push(0);
    }
    return id;
  }
}

/** Finds a frame's name once for each function or mapping. What has no function goes by the file it was mapped from. */
class FrameNamer {
  readonly #dictionary: Dictionary;
  readonly #idOf: (name: string) => number;
  readonly #functions: Int32Array;
  readonly #mappings: Int32Array;

  constructor(dictionary: Dictionary, idOf: (name: string) => number) {
    this.#dictionary = dictionary;
    this.#idOf = idOf;
    this.#functions = new Int32Array(dictionary.functions.length).fill(-1);
    this.#mappings = new Int32Array(dictionary.mappings.length).fill(-1);
  }

  /** @param line of the location; beyond its lines where it has none */
  frame(location: number, line: number): number {
    const { locations, functions, strings } = this.#dictionary;
    const called = line < locations.lineOffsets[location + 1]! ? locations.lines.function[line]! : 0;
    if (called === 0) return this.#mapping(locations.mapping[location]!);
    const known = this.#functions[called]!;
    if (known >= 0) return known;
    const name = strings.text(functions.name[called]! || functions.systemName[called]!);
    return (this.#functions[called] = this.#idOf(name === "" ? "(no name)" : name));
  }

  #mapping(mapping: number): number {
    const known = this.#mappings[mapping]!;
    if (known >= 0) return known;
    const { mappings, strings } = this.#dictionary;
    const file = strings.text(mappings.filename[mapping]!);
    const name = file === "" ? "(no symbol)" : `[${file.slice(file.lastIndexOf("/") + 1)}] (no symbol)`;
    return (this.#mappings[mapping] = this.#idOf(name));
  }
}
