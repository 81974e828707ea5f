/**
 * Programs that spend known shares of CPU time in known functions, one at a time, an instance on each CPU: what the
 * profile says of the shares, of the whole machine's time and of each container's.
 */
import { cpus } from "node:os";
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import type { NodeOfPods } from "../../../test/agent/harness/node-of-pods.ts";
import type { Container } from "../../../test/agent/harness/pods.ts";
import { countOf, sharesOf } from "../../../test/agent/harness/samples.ts";
import { accountOf, type Account } from "../../../test/agent/harness/workloads.ts";
import type { Outcome } from "./outcome.ts";

/** A program, the shares it is asked for, and which function has which. */
export interface Subject {
  readonly name: string;
  /** Starts it for so long; the container stays when it's done. */
  readonly start: (node: NodeOfPods, seconds: number) => Promise<Container>;
  /** Name in the profile → name in the program's own account. */
  readonly functions: Readonly<Record<string, string>>;
}

const program =
  (path: string, ...plan: readonly string[]): Subject["start"] =>
  (node, seconds) =>
    node.runAndStay([path, String(seconds), ...plan]);

/** The four kinds of program. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: "C with frame pointers",
    start: program("/bin/burn", "alpha=50", "beta=30", "gamma=20"),
    functions: { alpha: "alpha", beta: "beta", gamma_loop: "gamma" },
  },
  {
    name: "Go",
    start: program("/bin/burn-go", "alpha=50", "beta=30", "sorting=20"),
    functions: { "main.alpha": "alpha", "main.beta": "beta", "main.sorting": "sorting" },
  },
  {
    name: "Node",
    start: (node, seconds) => node.runScriptAndStay([String(seconds), "alpha=50", "beta=30", "area=20"]),
    functions: { alpha: "alpha", beta: "beta", area: "area" },
  },
  {
    name: "kernel work",
    start: program("/bin/burn", "random=60", "alpha=40"),
    functions: { random_bytes: "random", alpha: "alpha" },
  },
];

const SHARE_POINTS = 2;
const MACHINE_PERCENT = 1;
const CONTAINER_PERCENT = 2;

/** Profiles a subject, an instance for each CPU, and compares. */
export async function measureShares(
  node: NodeOfPods,
  subject: Subject,
  frequencyHz: number,
  seconds: number,
): Promise<Outcome[]> {
  const profiler = new LocalProfiler({ frequencyHz, reporterIntervalMs: 5000 });
  const first = await profiler.periods();
  const containers = await Promise.all(cpus().map(() => subject.start(node, seconds)));
  const accounts = await Promise.all(containers.map(accountAtEnd));
  const last = await profiler.periods();
  await profiler.stop();
  const cpuSeconds = containers.map((container) => container.cpuUsageNs() / 1e9);
  for (const container of containers) await container.remove();

  const truth = addUp(accounts);
  const sampled = sharesOf(
    containers.flatMap((container) => profiler.of(container)),
    Object.keys(subject.functions),
  );
  const shares = Object.entries(subject.functions).map(([name, own]): Outcome => {
    const trueShare = (truth.spentNs[own]! / truth.totalNs) * 100;
    const difference = sampled[name]! - trueShare;
    return {
      what: `${subject.name}: share of ${name}`,
      found: `${sampled[name]!.toFixed(2)} % of ${trueShare.toFixed(2)} %: ${signed(difference)} points`,
      wanted: `± ${SHARE_POINTS} points`,
      passed: Math.abs(difference) <= SHARE_POINTS,
    };
  });

  const machine = compare(
    `${subject.name}: all samples, idle and lost against wall time × CPUs`,
    (last.periods - first.periods) / frequencyHz,
    ((last.atMs - first.atMs) / 1000) * cpus().length,
    MACHINE_PERCENT,
  );
  const groups = containers.map((container, at) =>
    compare(
      `${subject.name}: container ${at + 1} against its group's CPU time`,
      countOf(profiler.of(container)) / frequencyHz,
      cpuSeconds[at]!,
      CONTAINER_PERCENT,
    ),
  );
  return [...shares, machine, ...groups];
}

async function accountAtEnd(container: Container): Promise<Account> {
  const [line] = await container.prints(/^\{.*\}$/m);
  return accountOf(line);
}

function addUp(accounts: readonly Account[]): Account {
  const spentNs: Record<string, number> = {};
  let totalNs = 0;
  for (const account of accounts) {
    totalNs += account.totalNs;
    for (const [name, ns] of Object.entries(account.spentNs)) spentNs[name] = (spentNs[name] ?? 0) + ns;
  }
  return { totalNs, spentNs };
}

function compare(what: string, sampledSeconds: number, trueSeconds: number, percent: number): Outcome {
  const difference = (sampledSeconds / trueSeconds - 1) * 100;
  return {
    what,
    found: `${sampledSeconds.toFixed(2)} s of ${trueSeconds.toFixed(2)} s: ${signed(difference)} %`,
    wanted: `± ${percent} %`,
    passed: Math.abs(difference) <= percent,
  };
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
