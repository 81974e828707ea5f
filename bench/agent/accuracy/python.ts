/** Python programs that know in which functions and lines they are, and for how long: what the profile says of them. */
import { spawn } from "node:child_process";
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import { countOf, passesThrough, type Sample, sharesOf } from "../../../test/agent/harness/samples.ts";
import { Workloads } from "../../../test/agent/harness/workloads.ts";
import { type Python, pythons } from "../../../src/symbols/cpython/testing/pythons.ts";
import type { Outcome } from "./outcome.ts";

const SHARE_POINTS = 2;
const SAME_STACKS = 0.99;
const INTERLOCKED = 0.98;
/** Names of what starts are looked up meanwhile. */
const WARM_UP_MS = 1500;

/** What the program prints: CPU time by function, and the callers of its loop with their lines, innermost first. */
interface Told {
  readonly spent: Readonly<Record<string, number>>;
  readonly stacks: readonly (readonly (readonly [name: string, line: number])[])[];
}

/** Each interpreter that is here, two at a time. */
export async function measurePython(hz: number, seconds: number): Promise<readonly Outcome[]> {
  using workloads = new Workloads();
  const all = pythons();
  const outcomes: Outcome[] = [];
  for (let at = 0; at < all.length; at += 2) {
    const pair = all.slice(at, at + 2).map((python) => measure(python, workloads.python("interlocked"), hz, seconds));
    outcomes.push(...(await Promise.all(pair)).flat());
  }
  return outcomes;
}

async function measure({ name, path }: Python, script: string, hz: number, seconds: number): Promise<Outcome[]> {
  const child = spawn(path, [script, String(seconds)], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise((resolve) => child.once("close", resolve));
  // None is left out for the budget, at whatever rate.
  const copies = { limitBytes: 16_384, perSecond: hz };
  await using profiler = new LocalProfiler({ frequencyHz: hz, filter: { pid: child.pid! }, stackCopies: copies });
  const startedMs = performance.now();
  await profiler.until(() => performance.now() - startedMs > WARM_UP_MS);
  profiler.samples.length = 0;
  await ended;
  await profiler.stop();
  const { spent, stacks } = JSON.parse(output) as Told;

  const inLoop = profiler.samples.filter((sample) => passesThrough(sample, "spin"));
  const whole = inLoop.filter(({ frames }) => frames.every(({ type }) => type !== "abort-marker"));
  const told = new Set(stacks.map((stack) => JSON.stringify(stack)));
  const same = inLoop.filter((sample) => told.has(callersIn(sample)));
  const count = countOf(inLoop);
  const what = `Python ${name} (${count} samples)`;
  const total = Object.values(spent).reduce((sum, each) => sum + each, 0);
  const shares = sharesOf(inLoop, Object.keys(spent));
  return [
    atLeast(`${what}: functions and lines as Python tells them`, countOf(same) / count, SAME_STACKS),
    atLeast(`${what}: complete, Python's frames among the native ones`, countOf(whole) / count, INTERLOCKED),
    ...Object.entries(spent).map(([owner, ns]): Outcome => {
      const truth = (ns / total) * 100;
      const found = shares[owner]!;
      return {
        what: `${what}: share of ${owner}`,
        found: `${found.toFixed(2)} % of ${truth.toFixed(2)} %`,
        wanted: `± ${SHARE_POINTS} points`,
        passed: Math.abs(found - truth) <= SHARE_POINTS,
      };
    }),
  ];
}

/** Callers of the loop with the lines that they execute, as the program writes them. */
function callersIn({ frames }: Sample): string {
  const script = frames.filter(({ type }) => type === "cpython");
  const callers = script.slice(script.findIndex(({ name }) => name === "spin") + 1);
  return JSON.stringify(callers.map(({ name, line }) => [name, line]));
}

function atLeast(what: string, share: number, goal: number): Outcome {
  return { what, found: `${(share * 100).toFixed(2)} %`, wanted: `≥ ${goal * 100} %`, passed: share >= goal };
}
