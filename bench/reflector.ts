/**
 * What the first sync of 1,000 and of 10,000 pods costs, on a real API server:
 *
 *     node bench/reflector.ts [--runs 5] [--kubeconfig FILE]
 *
 * Without --kubeconfig it starts an API server of its own and fills it, which takes two minutes. Each run is a process
 * that lists, keeps every pod as a directory would (in a map by uid), and ends. CPU time is the process's own; time
 * counts from its start.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import type { PodObject } from "#kubernetes";
import { Cluster } from "../test/cluster/cluster.ts";

interface Sync {
  readonly pods: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Resident set, in MiB, after a garbage collection. */
  readonly rssMiB: number;
  readonly heapMiB: number;
}

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    kubeconfig: { type: "string" },
    "page-size": { type: "string", default: "500" },
    child: { type: "string" },
  },
});

if (values.child !== undefined) console.log(JSON.stringify(await sync(values.child)));
else if (values.kubeconfig !== undefined) print([await measure(values.kubeconfig)]);
else await measureOwnCluster();

async function measureOwnCluster(): Promise<void> {
  await using cluster = await Cluster.start();
  const results: Sync[] = [];
  for (const pods of [1000, 10_000]) {
    await cluster.pods("load", "--pods", String(pods), "--nodes", "50");
    results.push(await measure(cluster.kubeconfig));
  }
  print(results);
  const [small, large] = results as [Sync, Sync];
  const bytes = (large.rssMiB - small.rssMiB) * 2 ** 20;
  console.log(`growth: ${Math.round(bytes / (large.pods - small.pods))} bytes a pod`);
}

/** Medians of several runs. */
async function measure(kubeconfig: string): Promise<Sync> {
  // As bin/podflame starts Node.
  const flags = ["--initial-old-space-size=256", "--expose-gc"];
  const options = ["--child", kubeconfig, "--page-size", values["page-size"]];
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", NODE_COMPILE_CACHE: "/tmp/podflame-bench-compile" };
  const runs: Sync[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, import.meta.filename, ...options], {
      env,
    });
    runs.push(JSON.parse(stdout) as Sync);
  }
  const median = (of: keyof Sync): number => runs.map((run) => run[of]).toSorted((a, b) => a - b)[runs.length >> 1]!;
  return {
    pods: median("pods"),
    seconds: median("seconds"),
    cpuSeconds: median("cpuSeconds"),
    rssMiB: median("rssMiB"),
    heapMiB: median("heapMiB"),
  };
}

async function sync(kubeConfigPath: string): Promise<Sync> {
  const { createApiClient, reflectPods } = await import("#kubernetes");
  const { MetricRegistry, silentLogger, systemClock } = await import("#telemetry");
  const telemetry = { metrics: new MetricRegistry(), logger: silentLogger, clock: systemClock };
  const client = await createApiClient({ authType: "kubeConfig", kubeConfigPath }, telemetry);
  const pods = new Map<string, PodObject>();
  const reflection = reflectPods({
    client,
    telemetry,
    pageSize: Number(values["page-size"]),
    keys: { label: (key) => key.startsWith("app.kubernetes.io/"), annotation: (key) => key.startsWith("resource.") },
    sink: {
      listing: () => undefined,
      upsert: (pod) => pods.set(pod.uid, pod),
      remove: (pod) => pods.delete(pod.uid),
      listed: () => undefined,
    },
  });
  await reflection.synced;
  const { user, system } = process.cpuUsage();
  const seconds = performance.now() / 1000;
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  await reflection.stop();
  client.close();
  return {
    pods: pods.size,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
  };
}

function print(results: readonly Sync[]): void {
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  console.table(
    results.map(({ pods, seconds, cpuSeconds, rssMiB, heapMiB }) => ({
      pods,
      seconds: rounded(seconds),
      cpuSeconds: rounded(cpuSeconds),
      rssMiB: rounded(rssMiB),
      heapMiB: rounded(heapMiB),
    })),
  );
}
