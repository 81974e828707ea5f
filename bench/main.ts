/**
 * `npm run bench -- NAME [options]`: the benchmarks of podflame. What each measures, and how to read it, is in
 * docs/benchmarks.md.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join } from "node:path";

interface Benchmark {
  readonly file: string;
  readonly summary: string;
  /** Whether it runs as bin/podflame starts the gateway. */
  readonly asGateway?: boolean;
}

const ROOT = join(import.meta.dirname, "..");
const BUNDLES = "dist/bench";

/** As bin/podflame starts the gateway. */
const GATEWAY_MALLOC = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
const GATEWAY_OPTIONS = ["--initial-old-space-size=32", "--max-semi-space-size=8"];

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  agent: {
    file: "agent.ts",
    summary: "sampling this machine: CPU, kernel time, memory, bytes; beside perf record (agent --help)",
  },
  accuracy: {
    file: "agent/accuracy.ts",
    summary: "whether profiles are right: known shares, sums, short-lived containers, perf's paths (accuracy --help)",
  },
  identity: {
    file: "identity.ts",
    summary: "knowing pods: memory, CPU of updates, look-ups, pods that live two seconds (identity --help)",
  },
  intake: {
    file: "intake.ts",
    summary: "OTLP in, Kubernetes identity, OTLP out: CPU, latency, memory, sync; beside the Collector (intake --help)",
  },
  layouts: { file: "layouts.ts", summary: "recognizing and reading profiles in every layout, beside protobuf-es" },
  "otlp-splice": { file: "otlp-splice.ts", summary: "finding and splicing a resource, alone" },
  "layouts-upgrade": {
    file: "layouts-upgrade.ts",
    summary: "converting profiles from every layout to 1.10 and back: MB a second",
  },
  store: {
    file: "store.ts",
    asGateway: true,
    summary: "the store on disk: intake, bytes a sample, merging, questions, memory (store --help)",
  },
  query: {
    file: "query.ts",
    asGateway: true,
    summary: "questions to the API over the store on disk, alone and while requests come (query --help)",
  },
  reflector: { file: "reflector.ts", summary: "the first list of 1,000 and of 10,000 pods: time and memory" },
  ui: {
    file: "ui.ts",
    summary: "flame graphs in Chromium: paint, memory, frames, search; beside speedscope (ui --help)",
  },
};

async function main(name: string | undefined, args: readonly string[]): Promise<number> {
  const benchmark = name === undefined ? undefined : BENCHMARKS[name];
  if (benchmark === undefined) {
    const known = Object.entries(BENCHMARKS).map(([key, { summary }]) => `  ${key.padEnd(12)} ${summary}`);
    const usage = `usage: npm run bench -- NAME [options]\n\n${known.join("\n")}\n`;
    const asked = name === "--help" || name === "-h";
    (asked ? process.stdout : process.stderr).write(usage);
    if (name !== undefined && !asked) process.stderr.write(`\nthere is no benchmark "${name}"\n`);
    return asked ? 0 : 1;
  }
  const asGateway = benchmark.asGateway === true;
  const file = asGateway ? bundled(benchmark.file) : join(import.meta.dirname, benchmark.file);
  // A process of its own: what is measured in this process is not to share it with the dispatcher's loading.
  const child = spawn(process.execPath, [...process.execArgv, ...(asGateway ? GATEWAY_OPTIONS : []), file, ...args], {
    stdio: "inherit",
    cwd: ROOT,
    env: asGateway ? { ...GATEWAY_MALLOC, ...process.env } : process.env,
  });
  // Ctrl-C reaches the child as well, but a signal to this process alone would not. The child cleans up and ends.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? (signal === "SIGINT" ? 130 : 3);
}

/** A benchmark as one file of plain JavaScript, as `npm ci` makes podflame: the type stripper alone is 30 MB. */
function bundled(file: string): string {
  execFileSync(process.execPath, [join(ROOT, "scripts/bundle.mjs"), join("bench", file), BUNDLES], {
    stdio: "inherit",
  });
  return join(ROOT, BUNDLES, `${basename(file, ".ts")}.js`);
}

process.exitCode = await main(process.argv[2], process.argv.slice(3));
