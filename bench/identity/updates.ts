import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { preparedPods, startCluster } from "../../test/peers/prepared-cluster.ts";
import { freePorts } from "../../test/free-ports.ts";
import { type ContenderName, cpuSeconds, type Pipeline, startContender } from "../intake/contender.ts";
import type { Row } from "../intake/report.ts";
import { progress } from "../command.ts";
import type { BenchOptions } from "./options.ts";
import { rowOf } from "./row-of.ts";
import { recordPods, WatchReplay } from "./watch-replay.ts";

const PIPELINE: Pipeline = { enrich: true, compression: "none" };
const PODS = 1_000;
const UPDATES_PER_SECOND = 1_000;
/** A portion or two: who keeps up has no more than that to read. */
const MAX_BACKLOG_BYTES = 1 << 20;
/** Updates that are on their way before it counts. */
const WARM_UP_MS = 3_000;

interface PodStatus {
  readonly conditions: readonly object[];
  readonly containerStatuses: readonly { readonly restartCount: number; readonly containerID: string }[];
}
interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: PodStatus;
}

/**
 * CPU that a process takes for 1,000 updates of pods a second, in percent of one CPU. The events are a real server's: each
 * pod in turn, as it was, and after its status had changed; of every second pod a container has another id then, of the
 * others a condition, which nobody keeps. Most updates of a cluster are of the latter sort.
 */
export async function measureUpdates(options: BenchOptions): Promise<readonly Row[]> {
  const percents = new Map(options.contenders.map((name): [ContenderName, number[]] => [name, []]));
  const workFolder = mkdtempSync(join(tmpdir(), "podflame-bench-"));
  await using replay = await WatchReplay.start(await recordings());
  const kubeconfig = join(workFolder, "kubeconfig");
  writeFileSync(kubeconfig, replay.kubeconfig);
  try {
    for (let run = 1; run <= options.runs; run++) {
      for (const name of options.contenders) {
        progress(`${UPDATES_PER_SECOND} updates a second, run ${run} of ${options.runs}, ${name}`);
        const [intake = 0, sink = 0] = await freePorts(2);
        const { serverCpu } = options;
        const settings = { ports: { intake, sink }, kubeconfig, serverCpu, workFolder };
        const server = await startContender(name, PIPELINE, settings);
        try {
          replay.play(UPDATES_PER_SECOND);
          await delay(WARM_UP_MS);
          const [cpuBefore, beganMs] = [cpuSeconds(server.pid), performance.now()];
          await delay(options.seconds * 1_000);
          const tookSeconds = (performance.now() - beganMs) / 1_000;
          const [backlog = Infinity, ...more] = replay.backlogs;
          if (backlog > MAX_BACKLOG_BYTES || more.length > 0) {
            throw new Error(
              `${name} doesn't keep up, or watches pods more than once: backlogs ${replay.backlogs.join()}`,
            );
          }
          percents.get(name)!.push((100 * (cpuSeconds(server.pid) - cpuBefore)) / tookSeconds);
        } finally {
          replay.play(0);
          await server.stop();
        }
      }
    }
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
  return [rowOf("updates", "% of a CPU, 1,000 updates a second", (name) => percents.get(name) ?? [])];
}

/** 1,000 pods as they were loaded, and with another status. */
async function recordings(): Promise<readonly Awaited<ReturnType<typeof recordPods>>[]> {
  const prepared = await preparedPods(PODS, progress);
  await using cluster = await startCluster(prepared.etcd);
  progress("recording pods, changing their status, recording them again");
  const before = await recordPods(cluster);
  const { items } = await cluster.json<{ readonly items: readonly Pod[] }>("/api/v1/pods");
  for (let from = 0; from < items.length; from += 50) {
    await Promise.all(items.slice(from, from + 50).map((pod, at) => changeStatus(cluster, pod, (from + at) % 2 === 0)));
  }
  return [before, await recordPods(cluster)];
}

async function changeStatus(cluster: Cluster, pod: Pod, restarts: boolean): Promise<void> {
  const { namespace, name } = pod.metadata;
  const [app, ...others] = pod.status.containerStatuses;
  const restarted = { ...app!, restartCount: app!.restartCount + 1, containerID: mirrored(app!.containerID) };
  const note = { type: "example.test/checked", status: "True", lastTransitionTime: new Date().toISOString() };
  const status = restarts
    ? { ...pod.status, containerStatuses: [restarted, ...others] }
    : { ...pod.status, conditions: [...pod.status.conditions, note] };
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
  await cluster.json(path, { method: "PUT", body: { apiVersion: "v1", kind: "Pod", ...pod, status } });
}

/** Another id of the same form. */
function mirrored(containerId: string): string {
  const [scheme, id = ""] = containerId.split("://");
  return `${scheme}://${Buffer.from(id).reverse().toString()}`;
}
