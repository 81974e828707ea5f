import { preparedPods, startCluster } from "../../test/peers/prepared-cluster.ts";
import { idleRssMiB, startContender, type ContenderName, type Pipeline } from "./contender.ts";
import { median } from "../figures.ts";
import type { Row } from "./report.ts";
import { progress } from "../command.ts";
import type { Results, Session } from "./session.ts";

const PIPELINE: Pipeline = { enrich: true, compression: "none" };

interface Start {
  readonly readyMs: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

/**
 * Starts without any request. `sync`: wall time and CPU time until the first sync is done and the port open. `memory`:
 * resident memory some time after that, with 10,000 pods and with 1,000, and the growth per pod between the two.
 */
export async function measureFootprint(
  session: Session,
  wanted: { readonly memory: boolean; readonly sync: boolean },
): Promise<readonly Row[]> {
  const settle = wanted.memory ? session.options.settleSeconds : 0;
  const many = await starts(session, "10,000 pods known", session.settings.kubeconfig, settle);
  const rows: Row[] = [];
  if (wanted.sync) {
    rows.push(row("sync", "seconds to the first sync", many, (start) => start.readyMs / 1000));
    rows.push(row("sync", "CPU-seconds to the first sync", many, (start) => start.cpuSeconds));
  }
  if (wanted.memory) {
    const few = await withFewPods((kubeconfig) => starts(session, "1,000 pods known", kubeconfig, settle));
    rows.push(row("memory", "RSS MiB, 10,000 pods, idle", many, (start) => start.rssMiB));
    rows.push(row("memory", "RSS MiB, 1,000 pods, idle", few, (start) => start.rssMiB));
    rows.push(growth(many, few));
  }
  return rows;
}

function starts(session: Session, what: string, kubeconfig: string, settle: number): Promise<Results<Start>> {
  return session.alternate(what, async (name) => {
    const server = await startContender(name, PIPELINE, { ...session.settings, kubeconfig });
    try {
      const rssMiB = await idleRssMiB(server.pid, settle);
      return { readyMs: server.readyMs, cpuSeconds: server.readyCpuSeconds, rssMiB };
    } finally {
      await server.stop();
    }
  });
}

async function withFewPods<T>(use: (kubeconfig: string) => Promise<T>): Promise<T> {
  const prepared = await preparedPods(1000, progress);
  await using cluster = await startCluster(prepared.etcd);
  await cluster.raw("/api/v1/pods?limit=500");
  return await use(cluster.kubeconfig);
}

function row(benchmark: string, quantity: string, results: Results<Start>, value: (start: Start) => number): Row {
  return {
    benchmark,
    quantity,
    podflame: results.podflame.map(value),
    ...(results.otelcol.length > 0 && { otelcol: results.otelcol.map(value) }),
  };
}

/** One value: the difference of the medians over 9,000 pods. */
function growth(many: Results<Start>, few: Results<Start>): Row {
  const perPod = (name: ContenderName): number[] => {
    const rss = (results: Results<Start>): number => median(results[name].map((start) => start.rssMiB));
    return many[name].length === 0 ? [] : [((rss(many) - rss(few)) * 1024) / 9000];
  };
  const otelcol = perPod("otelcol");
  return {
    benchmark: "memory",
    quantity: "KiB a pod, from 1,000 to 10,000",
    podflame: perPod("podflame"),
    ...(otelcol.length > 0 && { otelcol }),
  };
}
