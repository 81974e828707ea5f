import { EMPTY_PROFILE, EMPTY_RESOURCE, EMPTY_SCOPE, ModelBuilder, SamplesBuilder, type ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { Key } from "./conventions.ts";
import type { ReadOptions } from "./format.ts";
import { inflate } from "./inflate.ts";
import { isArray, isObject, type JsonObject, numberOf, parseJson, textOf } from "./json.ts";

/** Frames of all stacks together, at most: 64 MiB of indexes. */
const MAX_STACK_FRAMES = 16 << 20;

interface Node {
  readonly location: number;
  parent: Node | undefined;
  readonly children: readonly unknown[];
  /** Index of the node's stack, once it is known. */
  stack: number | undefined;
}

/**
 * Reads V8's .cpuprofile (Profiler.Profile of the DevTools protocol): what `node --cpu-prof`, Chrome and Deno write.
 * Each sample counts the time until the next one, in nanoseconds; V8's clock has no day, so there are no timestamps.
 */
export function readCpuProfile(bytes: Uint8Array, options: ReadOptions = {}): ProfilesModel | ParseError {
  const plain = inflate(bytes, options.maxInflatedBytes);
  return plain instanceof ParseError ? plain : parseCpuProfile(plain);
}

/** As `readCpuProfile`, without compression: runs in a browser as well. */
export function parseCpuProfile(plain: Uint8Array): ProfilesModel | ParseError {
  const json = parseJson(plain);
  return json instanceof ParseError ? json : new CpuProfileReader().read(json.value);
}

class CpuProfileReader {
  readonly #builder = new ModelBuilder();
  readonly #nodes = new Map<number, Node>();
  #stackFrames = 0;

  read(file: unknown): ProfilesModel | ParseError {
    if (!isObject(file)) return new ParseError("is no object", "JSON");
    const problem = this.#readNodes(file);
    if (problem) return problem;
    const samples = this.#readSamples(file);
    if (samples instanceof ParseError) return samples;
    const builder = this.#builder;
    const nanoseconds = builder.string("nanoseconds");
    const duration = (numberOf(file, "endTime") ?? 0) - (numberOf(file, "startTime") ?? 0);
    const profile = {
      ...EMPTY_PROFILE,
      types: [{ type: builder.string("wall"), unit: nanoseconds, temporality: 0 }],
      durationNano: nanosecondsOf(Math.max(duration, 0)) ?? 0n,
      samples: samples.finish(),
    };
    return builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
  }

  #readNodes(file: JsonObject): ParseError | undefined {
    const { nodes } = file;
    if (!isArray(nodes)) return new ParseError("is no list", "nodes");
    for (const [at, node] of nodes.entries()) {
      const id = isObject(node) ? numberOf(node, "id") : undefined;
      if (!isObject(node) || id === undefined || !isObject(node["callFrame"])) {
        return new ParseError("is no node with an id and a frame", `nodes[${at}]`);
      }
      const children = isArray(node["children"]) ? node["children"] : [];
      const location = this.#location(node["callFrame"]);
      this.#nodes.set(id, { location, parent: undefined, children, stack: undefined });
    }
    for (const [id, node] of this.#nodes) {
      for (const child of node.children) {
        const found = typeof child === "number" ? this.#nodes.get(child) : undefined;
        if (!found) return new ParseError(`child ${JSON.stringify(child)} does not exist`, `node ${id}`);
        found.parent = node;
      }
    }
    return undefined;
  }

  #location(frame: JsonObject): number {
    const builder = this.#builder;
    const name = textOf(frame, "functionName") || "(anonymous)";
    const file = textOf(frame, "url").replace(/^file:\/\//, "");
    // Positions count from 0; -1 is what native functions have.
    const line = BigInt(Math.trunc(numberOf(frame, "lineNumber") ?? -1) + 1);
    const column = BigInt(Math.trunc(numberOf(frame, "columnNumber") ?? -1) + 1);
    const called = builder.function(builder.string(name), 0, builder.string(file), line);
    const attributes = file === "" ? [] : [builder.attribute(builder.string(Key.FRAME_TYPE), "v8js")];
    return builder.location({ lines: [{ function: called, line, column }], attributes });
  }

  #readSamples(file: JsonObject): SamplesBuilder | ParseError {
    const { samples, timeDeltas } = file;
    if (!isArray(samples)) return new ParseError("is no list", "samples");
    if (!isArray(timeDeltas) || timeDeltas.length !== samples.length) {
      return new ParseError(`is no list of ${samples.length} numbers`, "timeDeltas");
    }
    const found = new SamplesBuilder();
    for (const [at, id] of samples.entries()) {
      const node = typeof id === "number" ? this.#nodes.get(id) : undefined;
      if (!node) return new ParseError(`node ${JSON.stringify(id)} does not exist`, `samples[${at}]`);
      const stack = this.#stack(node);
      if (stack instanceof ParseError) return stack.within(`samples[${at}]`);
      // A delta is the time before its sample; what a sample counts is the time after it.
      const delta: unknown = timeDeltas[at + 1] ?? 0;
      const time = typeof delta === "number" ? nanosecondsOf(Math.max(delta, 0)) : undefined;
      if (time === undefined) return new ParseError("is no number", `timeDeltas[${at + 1}]`);
      if (time > 0n) found.add(stack, [], 0, [time], []);
    }
    return found;
  }

  #stack(node: Node): number | ParseError {
    if (node.stack !== undefined) return node.stack;
    const locations: number[] = [];
    // The root stands for no call.
    for (let at = node; at.parent; at = at.parent) {
      locations.push(at.location);
      if (++this.#stackFrames > MAX_STACK_FRAMES) {
        return new ParseError(
          `stacks have more than ${MAX_STACK_FRAMES} frames, or callers call each other in a circle`,
        );
      }
    }
    node.stack = this.#builder.stack(locations);
    return node.stack;
  }
}

/** Microseconds in nanoseconds; undefined where they don't fit. */
function nanosecondsOf(microseconds: number): bigint | undefined {
  const value = Math.round(microseconds * 1000);
  return Math.abs(value) < 2 ** 63 ? BigInt(value) : undefined;
}
