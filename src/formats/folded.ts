import { EMPTY_PROFILE, EMPTY_RESOURCE, EMPTY_SCOPE, ModelBuilder, SamplesBuilder, type ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { Key } from "./conventions.ts";
import type { ReadOptions, WriteOptions } from "./format.ts";
import { type Frame, Frames } from "./frames.ts";
import { inflate } from "./inflate.ts";
import { chooseSampleType } from "./sample-types.ts";
import { linesOf } from "./text-lines.ts";
import { weightedStacks } from "./weighted-stacks.ts";

/** Marks at the end of frames (flamegraph.pl, "--color java" and the stackcollapse scripts). */
const MARK = /_\[([kij])\]$/;
/** Frame types whose code is made while the program runs. */
const JIT_TYPES: ReadonlySet<string> = new Set(["jit", "jvm", "v8js", "dotnet", "luajit", "beam"]);
/** Deeper stacks are an error: no profiler records them. */
const MAX_DEPTH = 1 << 16;

/**
 * Reads folded stacks: a line for each, `outermost;…;innermost count`. Marks become frame types (`_[k]` kernel, `_[j]`
 * jit) and inlined calls (`_[i]`, part of the location ahead of it). Empty lines and lines that begin with `#` are
 * passed over.
 */
export function readFolded(bytes: Uint8Array, options: ReadOptions = {}): ProfilesModel | ParseError {
  const plain = inflate(bytes, options.maxInflatedBytes);
  if (plain instanceof ParseError) return plain;
  const builder = new ModelBuilder();
  const samples = new SamplesBuilder();
  const locations = new FoldedLocations(builder);
  for (const { text, number } of linesOf(plain)) {
    if (text.trim() === "" || text.startsWith("#")) continue;
    const match = /^(.*\S)\s+(-?\d{1,19})\s*$/.exec(text);
    if (!match) return new ParseError("no count at its end", `line ${number}`);
    const names = match[1]!.split(";");
    if (names.length > MAX_DEPTH) return new ParseError(`more than ${MAX_DEPTH} frames`, `line ${number}`);
    const count = BigInt(match[2]!);
    if (count !== BigInt.asIntN(64, count)) return new ParseError(`count ${count} does not fit`, `line ${number}`);
    samples.add(builder.stack(locations.ofFrames(names)), [], 0, [count], []);
  }
  const { type, unit } = options.sampleType ?? { type: "samples", unit: "count" };
  const types = [{ type: builder.string(type), unit: builder.string(unit), temporality: 0 }];
  const profile = { ...EMPTY_PROFILE, types, samples: samples.finish() };
  return builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
}

/** Makes locations of frames' names; equal ones once. */
class FoldedLocations {
  readonly #builder: ModelBuilder;
  readonly #known = new Map<string, number>();

  constructor(builder: ModelBuilder) {
    this.#builder = builder;
  }

  /** @param names outermost first; returns locations, leaf first */
  ofFrames(names: readonly string[]): number[] {
    const found: number[] = [];
    for (let at = 0; at < names.length;) {
      // A frame and what was inlined into it are one location.
      let text = names[at++]!;
      while (at < names.length && names[at]!.endsWith("_[i]")) text += `;${names[at++]!}`;
      found.push(this.#location(text));
    }
    return found.reverse();
  }

  #location(text: string): number {
    let location = this.#known.get(text);
    if (location === undefined) {
      const builder = this.#builder;
      const names = text.split(";");
      const mark = MARK.exec(names[0]!)?.[1];
      const type = mark === "k" ? "kernel" : mark === "j" ? "jit" : undefined;
      const attributes = type === undefined ? [] : [builder.attribute(builder.string(Key.FRAME_TYPE), type)];
      const lines = names.map((name) => ({ function: builder.function(builder.string(name.replace(MARK, ""))) }));
      location = builder.location({ lines: lines.reverse(), attributes });
      this.#known.set(text, location);
    }
    return location;
  }
}

/**
 * Writes folded stacks of one sample type, equal ones added up, in the order of their text. The format has no escapes:
 * `;` in a name becomes `:` and line breaks become spaces, as the stackcollapse scripts do. Stacks that count 0 are left
 * out; time, labels, lines and addresses have no place.
 */
export function writeFolded(model: ProfilesModel, options: WriteOptions = {}): Uint8Array {
  const wanted = chooseSampleType(model, options.sampleType);
  if (!wanted) return new Uint8Array(0);
  const frames = new Frames(model.dictionary);
  const texts: string[] = [];
  const textOf = (id: number): string => (texts[id] ??= frameText(frames.list[id]!, options.frameTypes === true));
  const totals = new Map<string, bigint>();
  for (const { groups, stack, value } of weightedStacks(model, wanted, frames, options.groupBy)) {
    const ids = [...groups, ...frames.ofStack(stack)];
    // A sample without a stack still counts.
    const text = ids.length === 0 ? "[no stack]" : ids.map(textOf).join(";");
    totals.set(text, (totals.get(text) ?? 0n) + value);
  }
  const chunks: Buffer[] = [];
  for (const [text, total] of [...totals].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (total !== 0n) chunks.push(Buffer.from(`${text} ${total}\n`));
  }
  return Buffer.concat(chunks);
}

function frameText({ name, type, inlined }: Frame, marks: boolean): string {
  const text = name.replaceAll(";", ":").replace(/[\r\n\u2028\u2029]+/g, " ");
  if (!marks || type === "group") return text;
  if (inlined) return `${text}_[i]`;
  if (type === "kernel") return `${text}_[k]`;
  return JIT_TYPES.has(type) ? `${text}_[j]` : text;
}
