/** An agent that gets no CPU for a while (SIGSTOP): what it does afterwards. */
import { setTimeout as delay } from "node:timers/promises";
import { AgentProcess } from "../../../test/agent/harness/agent-process.ts";
import type { NodeOfPods } from "../../../test/agent/harness/node-of-pods.ts";
import { countOf, lostIn } from "../../../test/agent/harness/samples.ts";
import { until } from "../../../test/peers/program.ts";
import { memoryUse } from "../measured-process.ts";
import type { Outcome } from "./outcome.ts";

const MAX_GROWTH_MIB = 10;

/** Stops an agent for so long while two programs burn CPU time, and lets it go on. */
export async function measurePaused(node: NodeOfPods, frequencyHz: number, seconds: number): Promise<Outcome[]> {
  const burners = await Promise.all(
    ["alpha=100", "gamma=100"].map((share) => node.run(["/bin/burn", "1000000", share])),
  );
  const outcomes: Outcome[] = [];
  {
    await using agent = await AgentProcess.start({
      receiver: { samples_per_second: frequencyHz, reporter_interval: "1s" },
    });
    await agent.firstSampleMs();
    await delay(20_000);
    const before = memoryUse(agent.pid);
    agent.signal("SIGSTOP");
    await delay(seconds * 1000);
    agent.sink.requests.length = 0;
    agent.signal("SIGCONT");
    const hits = (): number => countOf(agent.sink.samples());
    // More than the ring can have held: these are new.
    const wanted = frequencyHz * burners.length * seconds;
    await until("new samples", () => hits() > wanted || agent.ended, 120_000);
    const lost = lostIn(agent.sink.samples());
    const growth = memoryUse(agent.pid).rss - before.rss;
    const what = `stopped for ${seconds} s`;
    outcomes.push(
      { what: `${what}: goes on`, found: `${hits()} samples after it`, wanted: `> ${wanted}`, passed: hits() > wanted },
      { what: `${what}: says what it lost`, found: String(lost), wanted: "> 0", passed: lost > 0 },
      {
        what: `${what}: memory`,
        found: `${growth < 0 ? "−" : "+"}${Math.abs(growth).toFixed(1)} MiB`,
        wanted: `≤ ${MAX_GROWTH_MIB} MiB`,
        passed: growth <= MAX_GROWTH_MIB,
      },
    );
  }
  for (const burner of burners) await burner.remove();
  return outcomes;
}
