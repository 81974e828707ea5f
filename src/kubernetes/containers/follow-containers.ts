import type { Telemetry } from "#telemetry";
import { KeptKeys } from "../decoding/kept-keys.ts";
import type { KeyFilter, PodObject, ReflectorSink } from "../objects.ts";
import { PodPoller, type Polling } from "../polling/pod-poller.ts";
import { type ContainerLister, podOfContainer } from "./plain-container.ts";

export interface ContainersFollowSettings {
  /** At least one; those that aren't there are nobody's fault as long as one is. */
  readonly listers: readonly ContainerLister[];
  /** Between polls when nobody asks for more. */
  readonly intervalMs: number;
  /** The node's name in the cluster; empty where there is none. */
  readonly nodeName: string;
  /** Labels that the sink will look at. */
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<PodObject>;
  readonly telemetry: Telemetry;
}

/**
 * Follows the containers of this machine that are no pods', of all runtimes that are there. Polled, see `PodPoller`. A runtime
 * that stops answering fails the poll, so that what it told stays; one that never answered is left out. Owns the listers;
 * starts at once.
 */
export function followContainers(settings: ContainersFollowSettings): Polling {
  const { listers, intervalMs, nodeName, sink, telemetry } = settings;
  const keys = new KeptKeys(settings.keys);
  const answered = new Set<ContainerLister>();
  const poller = new PodPoller({
    source: "containers",
    from: listers.map(({ from }) => from).join(" and "),
    async read(signal) {
      const outcomes = await Promise.allSettled(listers.map((lister) => lister.list(signal)));
      const failures: Error[] = [];
      const pods: PodObject[] = [];
      for (const [at, outcome] of outcomes.entries()) {
        const lister = listers[at]!;
        if (outcome.status === "fulfilled") {
          answered.add(lister);
          for (const one of outcome.value) pods.push(podOfContainer(one, lister.scheme, nodeName, keys));
        } else {
          const failure = outcome.reason as Error;
          if (answered.has(lister)) throw failure;
          failures.push(failure);
        }
      }
      if (failures.length === listers.length) throw failures[0]!;
      return pods;
    },
    sink,
    telemetry,
    intervalMs,
  });
  return {
    state: () => poller.state(),
    refresh: () => poller.refresh(),
    async stop() {
      await poller.stop();
      await Promise.all(listers.map((lister) => lister.close()));
    },
  };
}
