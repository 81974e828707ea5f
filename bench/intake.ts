/**
 * `npm run bench -- intake`: podflame between OTLP senders and an OTLP receiver, with a real API server of 10,000 pods,
 * alone or beside the OpenTelemetry Collector on the same bytes in the same run. See docs/benchmarks.md.
 */
import { parseArgs } from "node:util";
import {
  hasPeers,
  numberOption,
  printResults,
  progress,
  provenance,
  runBenchmark,
  UsageError,
  withCollector,
  wordsOption,
} from "./command.ts";
import type { ContenderName } from "./intake/contender.ts";
import { measureFootprint } from "./intake/footprint.ts";
import { measureLatency } from "./intake/latency.ts";
import { summarize, table, type Row } from "./intake/report.ts";
import { BIG, Session, SMALL, type SessionOptions } from "./intake/session.ts";
import { measureThroughput, type Scenario } from "./intake/throughput.ts";

const ENRICH = { enrich: true, compression: "none" } as const;
const SCENARIOS = {
  big: { name: "big", shape: BIG, pipeline: ENRICH },
  small: { name: "small", shape: SMALL, pipeline: ENRICH },
  gzip: { name: "gzip", shape: BIG, pipeline: { enrich: true, compression: "gzip" }, gzipIn: true },
  plain: { name: "plain", shape: BIG, pipeline: { enrich: false, compression: "none" } },
} as const satisfies Record<string, Scenario>;
const BENCHMARKS = ["big", "small", "gzip", "plain", "latency", "memory", "sync"] as const;
type Benchmark = (typeof BENCHMARKS)[number];

const HELP = `usage: npm run bench -- intake [options]

  --peer otelcol          the Collector in the same run, in turn with podflame
  --only LIST             of ${BENCHMARKS.join(",")}
  --runs N                runs of each, default 5
  --seconds N             measured time of a closed loop, default 3
  --warmup N              unmeasured time before it, default 3
  --latency-seconds N     length of an open loop, default 15
  --settle N              seconds from the first sync until idle memory is read, default 10
  --json FILE             writes the JSON document there as well
  --server-cpu N          CPU of the servers under test, default 0
  --client-cpu N          CPU of everything else, default 1
  --peer-only             leaves podflame out

PODFLAME_BENCH_CLUSTER: state folder of a running up.sh with containers.tsv (pods.mjs load --out) in it.
`;

interface Arguments {
  readonly session: SessionOptions;
  readonly wanted: ReadonlySet<Benchmark>;
  readonly latencySeconds: number;
  readonly json: string | undefined;
}

function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      peer: { type: "string" },
      only: { type: "string", default: BENCHMARKS.join(",") },
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      warmup: { type: "string", default: "3" },
      "latency-seconds": { type: "string", default: "15" },
      settle: { type: "string", default: "10" },
      json: { type: "string" },
      "server-cpu": { type: "string", default: "0" },
      "client-cpu": { type: "string", default: "1" },
      "peer-only": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  if (values["peer-only"] && values.peer === undefined) throw new UsageError("--peer-only: needs --peer");
  const number = (
    name: "runs" | "seconds" | "warmup" | "latency-seconds" | "settle" | "server-cpu" | "client-cpu",
  ): number => numberOption(name, values[name]);
  const contenders: ContenderName[] = values["peer-only"] ? [] : ["podflame"];
  if (withCollector(values.peer)) contenders.push("otelcol");
  const clusterState = process.env["PODFLAME_BENCH_CLUSTER"];
  return {
    session: {
      contenders,
      runs: Math.max(1, number("runs")),
      seconds: number("seconds"),
      warmupSeconds: number("warmup"),
      settleSeconds: number("settle"),
      serverCpu: number("server-cpu"),
      clientCpu: number("client-cpu"),
      ...(clusterState !== undefined && { clusterState }),
    },
    wanted: wordsOption("only", values.only, BENCHMARKS),
    latencySeconds: number("latency-seconds"),
    json: values.json,
  };
}

/** Runs what is wanted; a benchmark that missed a resource gives no rows and a failure. */
async function measure(session: Session, args: Arguments): Promise<{ rows: Row[]; failures: string[] }> {
  const rows: Row[] = [];
  const failures: string[] = [];
  const step = async (name: string, work: () => Promise<readonly Row[]>): Promise<void> => {
    try {
      rows.push(...(await work()));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failures.push(`${name}: ${error.message}`);
      progress(`${name} FAILED`);
    }
  };
  for (const scenario of Object.values(SCENARIOS)) {
    if (args.wanted.has(scenario.name)) await step(scenario.name, () => measureThroughput(session, scenario));
  }
  if (args.wanted.has("latency")) {
    for (const scenario of [SCENARIOS.big, SCENARIOS.small]) {
      await step(`latency ${scenario.name}`, () => measureLatency(session, scenario, args.latencySeconds));
    }
  }
  const footprint = { memory: args.wanted.has("memory"), sync: args.wanted.has("sync") };
  if (footprint.memory || footprint.sync) await step("memory, sync", () => measureFootprint(session, footprint));
  return { rows, failures };
}

async function main(): Promise<number> {
  const args = readArguments();
  if (args === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const peers = args.session.contenders.includes("otelcol") ? (["otelcol"] as const) : [];
  if (!hasPeers(["etcd", "kube-apiserver", "loadgen", ...peers])) return 2;
  const session = await Session.open(args.session);
  try {
    const { rows, failures } = await measure(session, args);
    const document = { ...provenance("intake"), options: args.session, rows: rows.map(summarize), failures };
    printResults(table(rows), document, args.json);
    for (const failure of failures) process.stderr.write(`FAILED ${failure}\n`);
    return failures.length > 0 ? 1 : 0;
  } finally {
    await session.close();
  }
}

await runBenchmark("intake", main);
