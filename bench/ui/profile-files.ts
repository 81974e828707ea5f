/** The files of a synthetic profile: what a page gets to open, and what a server would send. */
import { gzipSync } from "node:zlib";
import { Writer } from "#wire";
import { encodeFlame } from "../../src/query/flame/flame-encoding.ts";
import type { Functions } from "../../src/query/flame/function-table.ts";
import { prune } from "../../src/query/flame/prune.ts";
import type { StackSource } from "../../src/query/flame/stack-source.ts";
import { StackTree } from "../../src/query/flame/stack-tree.ts";
import { buildTree } from "../../web/src/flame/build-tree.ts";
import { FrameTable } from "../../web/src/flame/frame-table.ts";
import type { SyntheticProfile } from "./synthetic-profile.ts";

/** `max_nodes` of the API where nobody says anything, which the page doesn't. */
const DEFAULT_NODES = 20_000;

/** pprof with gzip, samples counted in `samples`. */
export function pprofFile({ names, stacks }: SyntheticProfile): Uint8Array {
  const writer = new Writer(stacks.frames.length * 2);
  const texts = ["", "samples", "count", ...names];
  writer.open(1);
  writer.varint(1, 1);
  writer.varint(2, 2);
  writer.close();
  const bytes: number[] = [];
  for (let stack = 0; stack < stacks.length; stack++) {
    bytes.length = 0;
    for (let at = stacks.offsets[stack + 1]! - 1; at >= stacks.offsets[stack]!; at--) {
      let id = stacks.frames[at]! + 1;
      for (; id >= 0x80; id >>>= 7) bytes.push((id & 0x7f) | 0x80);
      bytes.push(id);
    }
    writer.open(2);
    writer.bytes(1, Uint8Array.from(bytes));
    writer.varint(2, stacks.values[stack]!);
    writer.close();
  }
  for (let at = 0; at < names.length; at++) {
    writer.open(4);
    writer.varint(1, at + 1);
    writer.open(4);
    writer.varint(1, at + 1);
    writer.close();
    writer.close();
    writer.open(5);
    writer.varint(1, at + 1);
    writer.varint(2, at + 3);
    writer.close();
  }
  for (const text of texts) writer.string(6, text);
  return gzipSync(writer.finish(), { level: 6 });
}

/** speedscope's own format, a sample a stack. */
export function speedscopeFile({ names, stacks }: SyntheticProfile): Uint8Array {
  const samples: number[][] = [];
  let end = 0;
  for (let stack = 0; stack < stacks.length; stack++) {
    samples.push(Array.from(stacks.frames.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])));
    end += stacks.values[stack]!;
  }
  const profile = {
    type: "sampled",
    name: "synthetic",
    unit: "none",
    startValue: 0,
    endValue: end,
    samples,
    weights: Array.from(stacks.values),
  };
  return new TextEncoder().encode(
    JSON.stringify({
      $schema: "https://www.speedscope.app/file-format-schema.json",
      shared: { frames: names.map((name) => ({ name })) },
      profiles: [profile],
    }),
  );
}

/** What the server answers to the page, which asks for no number of nodes: merged, the heaviest nodes, in the binary form. */
export function serverFlame({ names, stacks }: SyntheticProfile): Uint8Array {
  const table = FrameTable.of(names.map((name) => ({ name, file: "", line: 0, type: "", mapping: "" })));
  const measure = { type: "samples", unit: "count", coveredMs: undefined, otherCoveredMs: undefined };
  const whole = buildTree(stacks, table, measure);
  const parent = new Int32Array(whole.length);
  const own = whole.total.slice();
  for (let node = 0; node < whole.length; node++) {
    for (let child = whole.firstChild[node]!; child < whole.firstChild[node + 1]!; child++) {
      parent[child] = node;
      own[node]! -= whole.total[child]!;
    }
  }
  const source: StackSource = {
    tree: StackTree.of({ parent, length: whole.length }, Uint32Array.from(own.keys()), own),
    side: "first",
    under: -1,
    functionOf: (node) => whole.frame[node]!,
  };
  const functions: Functions = { length: table.length, at: (number) => table.text(number), kindOf: () => "call" };
  const tree = prune([source], functions, { maxNodes: DEFAULT_NODES, minShare: 0 });
  const coverage = { from: 0, to: 60_000, visibleUpTo: 60_000, total: tree.total[0]!, plan: "" };
  return encodeFlame(
    {
      type: "samples",
      unit: "count",
      cores: false,
      coverage: { ...coverage, unattributed: 0, unnamed: 0, truncated: 0, lost: 0, gaps: [] },
    },
    tree,
  );
}
