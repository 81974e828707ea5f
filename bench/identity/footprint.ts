import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparedPods, startCluster } from "../../test/peers/prepared-cluster.ts";
import { freePorts } from "../../test/free-ports.ts";
import { type ContenderName, idleRssMiB, type Pipeline, startContender } from "../intake/contender.ts";
import { median } from "../figures.ts";
import type { Row } from "../intake/report.ts";
import { progress } from "../command.ts";
import type { BenchOptions } from "./options.ts";
import { rowOf } from "./row-of.ts";
import { recordPods, WatchReplay } from "./watch-replay.ts";

/** More pods than a real server is filled with: these are a stand-in's, real ones and copies of them. */
const MAX_LOADED = 20_000;
const RECORDED = 1_000;
const PIPELINE: Pipeline = { enrich: true, compression: "none" };

interface Start {
  readonly readySeconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}
type Starts = ReadonlyMap<ContenderName, readonly Start[]>;

/**
 * Processes that know so many pods of a real API server, from 20,000 on of a stand-in, and are sent nothing: time and CPU until the first list was
 * complete, resident memory some time after, and what each further pod takes.
 */
export async function measureFootprint(options: BenchOptions): Promise<readonly Row[]> {
  const sizes = options.pods.toSorted((a, b) => a - b);
  const rows: Row[] = [];
  let smaller: { readonly pods: number; readonly starts: Starts } | undefined;
  for (const pods of sizes) {
    const starts = await startsWith(pods, options);
    const add = (quantity: string, value: (start: Start) => number): void => {
      rows.push(rowOf("footprint", `${quantity}, ${pods} pods`, (name) => (starts.get(name) ?? []).map(value)));
    };
    add("seconds to the first sync", (start) => start.readySeconds);
    add("CPU-seconds to the first sync", (start) => start.cpuSeconds);
    add("RSS MiB", (start) => start.rssMiB);
    if (smaller !== undefined) {
      const before = smaller;
      const growth = (name: ContenderName): number[] => {
        const rss = (of: Starts): number => median((of.get(name) ?? []).map((start) => start.rssMiB));
        return starts.has(name) ? [((rss(starts) - rss(before.starts)) * 1024) / (pods - before.pods)] : [];
      };
      rows.push(rowOf("footprint", `KiB a pod, from ${before.pods} to ${pods}`, growth, "goal: 4 at most"));
    }
    smaller = { pods, starts };
  }
  return rows;
}

async function startsWith(pods: number, options: BenchOptions): Promise<Starts> {
  if (pods > MAX_LOADED) {
    const replay = await copiesOf(pods);
    await using _server = replay;
    const folder = mkdtempSync(join(tmpdir(), "podflame-bench-"));
    try {
      const kubeconfig = join(folder, "kubeconfig");
      writeFileSync(kubeconfig, replay.kubeconfig);
      return await startsOn(kubeconfig, pods, options);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const prepared = await preparedPods(pods, progress);
  await using cluster = await startCluster(prepared.etcd);
  // The first list fills the server's watch cache.
  await cluster.raw("/api/v1/pods?limit=500");
  return await startsOn(cluster.kubeconfig, pods, options);
}

/** A stand-in for a server that would take 16 GB. */
async function copiesOf(pods: number): Promise<WatchReplay> {
  const prepared = await preparedPods(RECORDED, progress);
  await using cluster = await startCluster(prepared.etcd);
  progress(`recording ${RECORDED} pods`);
  return WatchReplay.start([await recordPods(cluster)], Math.round(pods / RECORDED));
}

async function startsOn(
  kubeconfig: string,
  pods: number,
  { contenders, runs, settleSeconds, serverCpu }: BenchOptions,
): Promise<Starts> {
  const starts = new Map(contenders.map((name): [ContenderName, Start[]] => [name, []]));
  const workFolder = mkdtempSync(join(tmpdir(), "podflame-bench-"));
  try {
    for (let run = 1; run <= runs; run++) {
      for (const name of contenders) {
        progress(`${pods} pods, run ${run} of ${runs}, ${name}`);
        const [intake = 0, sink = 0] = await freePorts(2);
        const settings = { ports: { intake, sink }, kubeconfig, serverCpu, workFolder };
        const server = await startContender(name, PIPELINE, settings);
        try {
          const rssMiB = await idleRssMiB(server.pid, settleSeconds);
          const { readyMs, readyCpuSeconds: cpuSeconds } = server;
          starts.get(name)!.push({ readySeconds: readyMs / 1_000, cpuSeconds, rssMiB });
        } finally {
          await server.stop();
        }
      }
    }
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
  return starts;
}
