/** Containers that live just long enough to be hit some times: whose their samples are. */
import { LocalProfiler } from "../../../test/agent/harness/local-profiler.ts";
import type { NodeOfPods } from "../../../test/agent/harness/node-of-pods.ts";
import type { Container } from "../../../test/agent/harness/pods.ts";
import type { Outcome } from "./outcome.ts";

const RIGHT_PERCENT = 99;

/**
 * Runs containers of 200 ms of CPU time, a pod each, four at once. Each names its thread, so that a sample tells itself
 * whose it is.
 */
export async function measureShortLived(node: NodeOfPods, count: number, frequencyHz: number): Promise<Outcome[]> {
  const truth = new Map<string, string>();
  await using profiler = new LocalProfiler({
    frequencyHz,
    reporterIntervalMs: 5000,
    sampleAttributes: ["thread.name"],
  });
  let running: Container[] = [];
  for (let i = 0; i < count; i++) {
    const name = `short-${i}`;
    const container = await node.create(["/bin/burn", "0.2cpu", "alpha=100"], { env: { BURN_NAME: name } });
    truth.set(name, container.id);
    await container.start();
    running.push(container);
    if (running.length === 4) {
      await Promise.all(running.map((each) => each.ended()));
      running = [];
    }
  }
  await Promise.all(running.map((each) => each.ended()));
  await profiler.stop();

  const hits = { right: 0, nowhere: 0, wrong: 0 };
  const seen = new Set<string>();
  for (const { attributes, resource, count: hit } of profiler.samples) {
    const name = String(attributes["thread.name"]);
    const id = truth.get(name);
    if (id === undefined) continue;
    seen.add(name);
    const told = resource["container.id"];
    hits[told === id ? "right" : told === undefined ? "nowhere" : "wrong"] += hit;
  }
  const all = hits.right + hits.nowhere + hits.wrong;
  const rightPercent = (hits.right / all) * 100;
  return [
    {
      what: `${count} containers of 200 ms: samples with their container's id`,
      found: `${hits.right} of ${all} (${rightPercent.toFixed(2)} %), of ${seen.size} containers`,
      wanted: `≥ ${RIGHT_PERCENT} %`,
      passed: rightPercent >= RIGHT_PERCENT,
    },
    {
      what: `${count} containers of 200 ms: samples with another container's id`,
      found: String(hits.wrong),
      wanted: "0",
      passed: hits.wrong === 0,
    },
  ];
}
