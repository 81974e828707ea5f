import fc from "fast-check";
import { encodeValue } from "../../attribute-value.ts";
import type { Layout } from "../../profiles/layout.ts";
import type { ProfileRecord, ProfilesModel } from "../../profiles/model.ts";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
} from "../../profiles/model-builder.ts";
import { SamplesBuilder } from "../../profiles/samples-builder.ts";
import { isOld } from "../upgrade-profiles.ts";

/**
 * Models as a reader makes them from well-formed requests of a layout: every table with entries that nothing uses, all
 * that the layout can say and later ones cannot, samples in the shapes that it allows.
 */
export function arbitraryModel(layout: Layout): fc.Arbitrary<ProfilesModel> {
  return fc.gen().map((gen) => new Generated(layout, gen).model());
}

class Generated {
  readonly #layout: Layout;
  readonly #old: boolean;
  readonly #gen: fc.GeneratorValue;
  readonly #builder = new ModelBuilder();

  constructor(layout: Layout, gen: fc.GeneratorValue) {
    this.#layout = layout;
    this.#old = isOld(layout);
    this.#gen = gen;
  }

  model(): ProfilesModel {
    const functions = this.#several(4, () => this.#function());
    const mappings = [0, ...this.#several(3, () => this.#mapping())];
    const locations = this.#several(5, () => this.#location(functions, mappings));
    const stacks = [0, ...this.#several(4, () => this.#builder.stack(this.#some(locations)))];
    const links = [0, ...this.#several(2, () => this.#link())];
    const attributes = this.#several(5, () => this.#attribute());
    const resources = this.#several(2, () => ({
      ...EMPTY_RESOURCE,
      resource: encodeResource([["service.name", this.#text()]]),
      schemaUrl: this.#text(),
      scopes: this.#several(2, () => ({
        ...EMPTY_SCOPE,
        schemaUrl: this.#text(),
        profiles: this.#several(3, () => this.#profile(stacks, links, attributes)),
      })),
    }));
    return this.#builder.finish(resources, this.#layout);
  }

  #profile(stacks: readonly number[], links: readonly number[], attributes: readonly number[]): ProfileRecord {
    const typeCount = this.#old ? this.#count(1, 3) : 1;
    const samples = new SamplesBuilder();
    for (let left = this.#count(0, 6); left > 0; left--) {
      const [values, timestamps] = this.#numbers(typeCount);
      samples.add(this.#one(stacks), this.#distinct(attributes), this.#one(links), values, timestamps);
    }
    const types = Array.from({ length: typeCount }, (_type, at) => ({
      type: this.#builder.string(`type ${at}`),
      unit: this.#string(),
      temporality: 0,
    }));
    const comments =
      this.#old || this.#layout === "D8" ? this.#several(2, () => this.#builder.string(this.#word())) : [];
    return {
      ...EMPTY_PROFILE,
      types,
      defaultType: this.#old && this.#flag() ? types.at(-1)!.type : 0,
      periodType: { type: this.#string(), unit: this.#string(), temporality: 0 },
      period: this.#gen(fc.bigInt, { min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      // All timestamps are in the window, which later layouts ask for.
      timeUnixNano: 1000n,
      durationNano: 1000n,
      profileId: this.#flag() ? this.#bytes(16) : new Uint8Array(0),
      attributes: Int32Array.from(this.#distinct(attributes)),
      droppedAttributesCount: this.#gen(fc.maxSafeNat) % 2 ** 32,
      ...(typeCount === 1 && this.#flag() && { originalPayloadFormat: "pprof", originalPayload: this.#bytes(5) }),
      comments: Int32Array.from(comments),
      ...(this.#layout === "E" && { dropFrames: this.#string(), keepFrames: this.#string() }),
      samples: samples.finish(),
    };
  }

  /** In the shapes that lose nothing on the way up. */
  #numbers(types: number): [values: bigint[], timestamps: bigint[]] {
    const times = (count: number): bigint[] => Array.from({ length: count }, () => BigInt(this.#count(1000, 1999)));
    const values = (count: number): bigint[] => Array.from({ length: count }, () => this.#value());
    const many = this.#count(2, 4);
    if (types > 1) return [values(types), times(this.#count(0, 1))];
    const shapes: (() => [bigint[], bigint[]])[] = [
      () => [values(1), []],
      () => [values(1), times(1)],
      () => [values(many), times(many)],
      () => (this.#old ? [[BigInt(many)], times(many)] : [[], times(many)]),
    ];
    return this.#one(shapes)();
  }

  #mapping(): number {
    return this.#builder.mapping({
      memoryStart: this.#unsigned(),
      memoryLimit: this.#unsigned(),
      fileOffset: this.#unsigned(),
      filename: this.#builder.string(this.#word()),
      ...(this.#flag() && { attributes: [this.#attribute()] }),
      ...(this.#old && { has: this.#count(0, 15) }),
      ...(this.#layout === "E" && { buildId: this.#builder.string("0".repeat(32)), buildIdKind: this.#count(0, 1) }),
    });
  }

  #location(functions: readonly number[], mappings: readonly number[]): number {
    return this.#builder.location({
      mapping: this.#one(mappings),
      address: this.#unsigned(),
      lines: this.#some(functions).map((one) => ({ function: one, line: this.#value(), column: this.#value() })),
      ...(this.#flag() && { attributes: [this.#attribute()] }),
      ...(this.#old && { folded: this.#flag() }),
      ...(this.#layout === "E" && { frameType: this.#builder.string(this.#one(["", "python", "native", "v8"])) }),
    });
  }

  #function(): number {
    return this.#builder.function(this.#string(), this.#string(), this.#string(), this.#value());
  }

  #link(): number {
    return this.#builder.link(this.#bytes(16), this.#bytes(8));
  }

  #attribute(): number {
    const key = this.#word();
    const value = this.#one([true, "text", 7n, 0.5, undefined, ["list", -1n], new Map([["k", "v"]])] as const);
    // One unit for a key: that is all that early layouts can say.
    return this.#builder.encodedAttribute(
      this.#builder.string(key),
      encodeValue(value),
      this.#builder.string(`unit ${key}`),
    );
  }

  /** Attributes of one owner: keys differ. */
  #distinct(attributes: readonly number[]): number[] {
    const { key } = this.#builder.columns.attributes;
    const keys = new Set<number>();
    return this.#some(attributes).filter((one) => {
      const isNew = !keys.has(key.values[one]!);
      keys.add(key.values[one]!);
      return isNew;
    });
  }

  #several<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#count(1, most) }, make);
  }

  #some<T>(from: readonly T[]): T[] {
    return Array.from({ length: this.#count(0, 4) }, () => this.#one(from));
  }

  #one<T>(from: readonly T[]): T {
    return from[this.#count(0, from.length - 1)]!;
  }

  #count(min: number, max: number): number {
    return this.#gen(fc.integer, { min, max });
  }

  #flag(): boolean {
    return this.#gen(fc.boolean);
  }

  #value(): bigint {
    return this.#one([5n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 300n]);
  }

  #unsigned(): bigint {
    return this.#one([0n, 1n, 127n, 128n, 2n ** 32n, 2n ** 64n - 1n]);
  }

  #bytes(length: number): Uint8Array {
    return this.#gen(fc.uint8Array, { minLength: length, maxLength: length });
  }

  #string(): number {
    return this.#builder.string(this.#text());
  }

  #text(): string {
    return this.#flag() ? "" : this.#word();
  }

  #word(): string {
    return this.#one(["a", "b", "key.c", "naïve ☃", "x".repeat(200)]);
  }
}
