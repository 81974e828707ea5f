import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type NamedStack, nodeBinaries, NodeTarget } from "./testing/node-target.ts";

const script = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/symbols-v8/${name}`, import.meta.url));

/** A frame as V8 told it: `file` is null for eval and its like. */
interface ToldFrame {
  readonly name: string | null;
  readonly file: string | null;
  readonly line: number;
}

interface Tier {
  readonly tier: string;
  readonly options: readonly string[];
  /** Whether objects and code move all the time: then what is known counts for one sample. */
  readonly moves?: boolean;
}

/** Ways to make V8 run most things in one of its tiers. Node 18 has no Maglev, in 20 it is unfinished. */
function tiersOf(version: string): readonly Tier[] {
  const major = Number.parseInt(version.slice(1), 10);
  const withoutMaglev = major >= 20 ? ["--no-opt", "--no-maglev"] : ["--no-opt"];
  return [
    { tier: "as it is", options: [] },
    { tier: "in the interpreter", options: ["--no-sparkplug", ...withoutMaglev] },
    { tier: "in baseline code", options: ["--always-sparkplug", ...withoutMaglev] },
    ...(major >= 22 ? [{ tier: "in Maglev's code", options: ["--maglev", "--no-opt"] }] : []),
    { tier: "in optimized code without inlining", options: ["--max-inlined-bytecode-size=0"] },
    { tier: "as the collector moves it", options: ["--gc-interval=500", "--stress-compaction"], moves: true },
  ];
}

const LONG = { timeout: 60_000 };
/** Samples of the function that all paths lead to. */
const SAMPLES = 150;

/** What V8 calls functions that have no name in the code: eval's own, and a method whose name is computed. */
const UNNAMED = new Set(["eval", "computed"]);

/** What is left to compare of our frames and V8's. */
function asText({ name, file, line }: ToldFrame): string {
  return `${name === null || UNNAMED.has(name) ? "(anonymous)" : name} ${file ?? "-"}:${line}`;
}

/**
 * Whether a stack is that path with a file (`-`) or a line (0) that could not be read: now and then V8 is in between. While
 * everything is being moved, functions may be left out, too: the slots of their frames lead to where nothing is any more.
 */
function saysLess(callers: string, path: string, maySkip: boolean): boolean {
  const mine = callers.split("\n");
  const theirs = path.split("\n");
  let next = 0;
  for (const frame of theirs) {
    if (next < mine.length && isPart(mine[next]!, frame)) next++;
    // Where a place in optimized code could not be read, what was inlined there isn't known either.
    else if (!maySkip && !(mine[next]?.endsWith(":0") ?? false)) return false;
  }
  return next === mine.length;
}

function isPart(frame: string, whole: string): boolean {
  const [name, file, line] = partsOf(frame);
  const [trueName, trueFile, trueLine] = partsOf(whole);
  return name === trueName && (file === "-" || file === trueFile) && (line === "0" || line === trueLine);
}

const partsOf = (frame: string): readonly string[] => /^(.*) (\S+):(\d+)$/.exec(frame)!.slice(1);

function callersOfSpin({ javaScript }: NamedStack): string[] | undefined {
  const spin = javaScript.findIndex(({ functionName }) => functionName === "spin");
  if (spin < 0) return undefined;
  return javaScript
    .slice(spin + 1)
    .map(({ functionName, fileName, line }) => asText({ name: functionName, file: fileName ?? null, line }));
}

describe.each(nodeBinaries())("Node $version", ({ path: binary, version }) => {
  test.for(tiersOf(version))(
    "$tier: stacks are those that V8 itself tells, line by line",
    LONG,
    async ({ options, moves = false }) => {
      await using target = await NodeTarget.start(binary, script("workload.cjs"), ...options);
      const told = JSON.parse(target.firstLine) as ToldFrame[][];
      const paths = new Set(told.map((path) => path.slice(1).map(asText).join("\n")));
      const taken: string[] = [];
      while (taken.length < SAMPLES) {
        const callers = callersOfSpin(target.sample())?.join("\n");
        if (callers !== undefined) taken.push(callers);
        if (moves || taken.length % 20 === 19) target.names.endFlush();
        // Lets the process go on; how long is of no matter.
        await sleep(1);
      }
      const incomplete = taken.filter((callers) => !paths.has(callers));
      expect(incomplete.filter((callers) => ![...paths].some((path) => saysLess(callers, path, moves)))).toEqual([]);
      expect(incomplete.length).toBeLessThanOrEqual(SAMPLES / 50);
      expect(new Set(taken).size).toBeGreaterThan(paths.size / 3);
      const { withoutCode, unnamed } = target.names.counters;
      if (!moves) expect({ withoutCode, unnamed }).toEqual({ withoutCode: 0, unnamed: 0 });
      expect(target.names.memoryBytes).toBeLessThan(256 << 10);
    },
  );

  test("a module's own code, and what awaits in it, has its file and its lines", LONG, async () => {
    await using target = await NodeTarget.start(binary, script("module.mjs"));
    const seen = new Set<string>();
    // Each of the places runs for a good part of the time.
    while (!(seen.has("(anonymous):24:1") && seen.has("run:17:15"))) {
      const { javaScript } = target.sample();
      const burning = javaScript.findIndex(({ functionName }) => functionName === "burn");
      const caller = burning < 0 ? undefined : javaScript[burning + 1];
      if (caller) {
        expect(caller.fileName).toMatch(/^file:.*\/module\.mjs$/);
        seen.add(`${caller.functionName}:${caller.line}:${caller.startLine}`);
      }
      await sleep(1);
    }
    expect([...seen].toSorted()).toEqual(["(anonymous):24:1", "run:17:15"]);
  });
});
