/** What the agent has to sample while it is measured. */
import { spawn, type ChildProcess } from "node:child_process";
import { NodeOfPods } from "../../test/agent/harness/node-of-pods.ts";
import type { Workloads } from "../../test/agent/harness/workloads.ts";

/** Longer than any benchmark. */
const FOREVER = "1000000";

/** One C, one Go and one Node program, each CPU-bound, each in a container of a pod; they end with their node. */
export async function startBurners(): Promise<NodeOfPods> {
  const node = await NodeOfPods.start("burn", "burn-go");
  const plans = [
    node.run(["/bin/burn", FOREVER, "alpha=40", "beta=30", "gamma=20", "random=10"]),
    node.run(["/bin/burn-go", FOREVER, "alpha=50", "beta=30", "sorting=20"]),
    node.runScript([FOREVER, "alpha=50", "beta=30", "area=20"]),
  ];
  for (const container of await Promise.all(plans)) await container.prints(/ready/);
  return node;
}

/** Processes that live for some milliseconds, started at a steady pace. */
export class Churn implements AsyncDisposable {
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<ChildProcess>();

  private constructor(program: string, perMinute: number) {
    this.#timer = setInterval(() => {
      const child = spawn(program, ["0.002cpu", "alpha=100"], { stdio: "ignore" });
      this.#running.add(child);
      child.once("exit", () => this.#running.delete(child));
    }, 60_000 / perMinute);
  }

  static async start(workloads: Workloads, perMinute = 1000): Promise<Churn> {
    return new Churn(await workloads.build("burn"), perMinute);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#running].map((child) => new Promise((ended) => child.once("exit", ended))));
  }
}
