/**
 * Profiles of any size for the benchmarks of the UI, always the same for the same settings: random walks over a call
 * graph, weights by rank (1/rank), names of five languages. Call paths are shattered more than in most real programs, so
 * a stack of it is a hard case.
 */
import { StackTableBuilder, type StackTable } from "../../web/src/flame/stack-table.ts";

export interface SyntheticSettings {
  readonly stacks: number;
  readonly functions: number;
  /** Median of the depths, which are lognormal; default 14. */
  readonly depth?: number;
}

export interface SyntheticProfile {
  readonly names: readonly string[];
  readonly stacks: StackTable;
}

/** Callees of a function. */
const CALLEES = 6;

/** A walk's next function is one of its callees, the first ones more often. */
export function syntheticProfile({ stacks, functions, depth = 14 }: SyntheticSettings): SyntheticProfile {
  const random = mulberry32(stacks * 31 + functions);
  const names = Array.from({ length: functions }, (_, at) => nameOf(at));
  const callees = Int32Array.from({ length: functions * CALLEES }, () => Math.floor(random() * functions));
  const builder = new StackTableBuilder();
  for (let stack = 0; stack < stacks; stack++) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const frames = Math.max(2, Math.round(depth * Math.exp(normal * 0.5)));
    let at = Math.floor(random() ** 6 * 40) % functions;
    for (let level = 0; level < frames; level++) {
      builder.push(at);
      at = callees[at * CALLEES + Math.floor(random() ** 2 * CALLEES)]!;
    }
    builder.close(Math.max(1, Math.round((stacks * 10) / (stack + 1))));
  }
  return { names, stacks: builder.finish() };
}

/** A recursion: stacks of every tenth depth up to `depth`. */
export function deepProfile(depth: number): SyntheticProfile {
  const names = ["main", "walk(tree::Node const&, std::vector<int>&)", "visit"];
  const builder = new StackTableBuilder();
  for (let frames = 10; frames <= depth; frames += 10) {
    builder.push(0);
    for (let level = 1; level < frames; level++) builder.push(1 + (level % 2));
    builder.close(1);
  }
  return { names, stacks: builder.finish() };
}

/** So many functions below one, each called once. */
export function wideProfile(siblings: number): SyntheticProfile {
  const names = ["main", ...Array.from({ length: siblings }, (_, at) => nameOf(at))];
  const builder = new StackTableBuilder();
  for (let at = 1; at <= siblings; at++) {
    builder.push(0);
    builder.push(at);
    builder.close(1 + (at % 7));
  }
  return { names, stacks: builder.finish() };
}

const WORDS = [
  "parse",
  "encode",
  "handle",
  "flush",
  "lookup",
  "merge",
  "walk",
  "read",
  "write",
  "alloc",
  "visit",
  "sort",
];
const THINGS = ["Request", "Buffer", "Node", "Table", "Session", "Index", "Frame", "Token", "Cache", "Stream", "Block"];

function nameOf(at: number): string {
  const word = WORDS[at % WORDS.length]!;
  const thing = THINGS[at % THINGS.length]!;
  switch (at % 5) {
    case 0:
      return `github.com/example/service/internal/${thing.toLowerCase()}.(*${thing}).${word}${at}`;
    case 1:
      return `com.example.service.${thing.toLowerCase()}.${thing}Handler.${word}${at}`;
    case 2:
      return `service::${thing.toLowerCase()}::${thing}<std::string, int>::${word}${at}(service::${thing} const&, int)`;
    case 3:
      return `${word}_${thing.toLowerCase()}_${at}`;
    default:
      return `${word}${thing}${at} file:///srv/app/node_modules/service/lib/${thing.toLowerCase()}.js:${at % 900}`;
  }
}

/** A small generator with 32 bits of state, for numbers that are the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
