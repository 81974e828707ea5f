/**
 * `npm run bench -- identity`: what it takes to know pods, and whether they are known in time. See docs/benchmarks.md.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { Cluster } from "../test/cluster/cluster.ts";
import {
  hasPeers,
  numberOption,
  printResults,
  progress,
  provenance,
  runBenchmark,
  withCollector,
  wordsOption,
} from "./command.ts";
import { measureApiLoad } from "./identity/api-load.ts";
import { measureFootprint } from "./identity/footprint.ts";
import { measureLookUps } from "./identity/look-up.ts";
import { type BenchOptions, type Part, PARTS } from "./identity/options.ts";
import { measureShortLived } from "./identity/short-lived.ts";
import { measureUpdates } from "./identity/updates.ts";
import { type Row, summarize, table } from "./intake/report.ts";

const HELP = `usage: npm run bench -- identity [options]

  --peer otelcol          the Collector in the same run
  --only LIST             of ${PARTS.join(",")}
  --runs N                runs of each but short-lived, default 3
  --pods LIST             numbers of pods for footprint, default 1000,10000; more than 20,000 are copies of
                          1,000 real ones that a stand-in serves, e.g. 100000
  --seconds N             length of the load of short-lived, updates and api-load, default 20
  --settle N              seconds from the first sync until idle memory is read, default 10
  --json FILE             writes the JSON document there as well
  --server-cpu N          CPU of the servers under test in updates and footprint, default 0
  --client-cpu N          CPU of everything else in these, default 1
`;

interface Arguments {
  readonly options: BenchOptions;
  readonly wanted: ReadonlySet<Part>;
  readonly clientCpu: number;
  readonly json: string | undefined;
}

function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      peer: { type: "string" },
      only: { type: "string", default: PARTS.join(",") },
      runs: { type: "string", default: "3" },
      pods: { type: "string", default: "1000,10000" },
      seconds: { type: "string", default: "20" },
      settle: { type: "string", default: "10" },
      json: { type: "string" },
      "server-cpu": { type: "string", default: "0" },
      "client-cpu": { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    options: {
      contenders: withCollector(values.peer) ? ["podflame", "otelcol"] : ["podflame"],
      runs: numberOption("runs", values.runs, 1),
      pods: values.pods.split(",").map((text) => numberOption("pods", text, 1)),
      seconds: numberOption("seconds", values.seconds, 1),
      settleSeconds: numberOption("settle", values.settle),
      serverCpu: numberOption("server-cpu", values["server-cpu"]),
    },
    wanted: wordsOption("only", values.only, PARTS),
    clientCpu: numberOption("client-cpu", values["client-cpu"]),
    json: values.json,
  };
}

async function measure({ options, wanted, clientCpu }: Arguments): Promise<readonly Row[]> {
  const rows: Row[] = [];
  if (wanted.has("look-up")) rows.push(...measureLookUps(options.runs));
  if (wanted.has("short-lived")) {
    progress("pods that live two seconds");
    await using cluster = await Cluster.start();
    rows.push(...(await measureShortLived(cluster, options.contenders, options.seconds)));
  }
  // Everything but the servers under test stays on the client's CPU; children inherit it.
  if (wanted.has("updates") || wanted.has("api-load") || wanted.has("footprint")) {
    execFileSync("taskset", ["-acp", String(clientCpu), String(process.pid)], { stdio: "ignore" });
  }
  if (wanted.has("updates")) rows.push(...(await measureUpdates(options)));
  if (wanted.has("api-load")) rows.push(...(await measureApiLoad(options)));
  if (wanted.has("footprint")) rows.push(...(await measureFootprint(options)));
  return rows;
}

async function main(): Promise<number> {
  const args = readArguments();
  if (args === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { options } = args;
  const peers = options.contenders.length > 1 ? (["otelcol"] as const) : [];
  if (!hasPeers(["etcd", "kube-apiserver", ...peers])) return 2;
  const rows = await measure(args);
  printResults(table(rows), { ...provenance("identity"), options, rows: rows.map(summarize) }, args.json);
  return 0;
}

await runBenchmark("identity", main);
