import type { Timeline } from "#store";
import type { TimelineAnswer } from "../api.ts";
import { formatSelector } from "../selector/format-selector.ts";
import type { Groups } from "./groups.ts";
import { equal, POD_LABELS } from "./places.ts";

/** What tells one run of a container from the next, and a revision of a workload from another. */
export const INSTANCE_LABELS = [...POD_LABELS, "container", "container_id"] as const;

type Mark = TimelineAnswer["marks"][number];
/** More say nothing any more. */
const MAX_MARKS = 200;

/**
 * Deployments and restarts within a timeline: the first sample of a revision whose workload ran another one before, and
 * of a container whose predecessor of the same name ran in the same pod.
 *
 * @param skip labels that groups have ahead of `INSTANCE_LABELS`
 */
export function marksOf(
  { list }: Groups,
  skip: number,
  { start, step }: Pick<Timeline, "start" | "step">,
  perGroup: (group: number) => Float64Array,
): readonly Mark[] {
  const revisions = new Firsts();
  const containers = new Firsts();
  list.forEach((group, number) => {
    const slot = perGroup(number).findIndex((value) => value > 0);
    if (slot < 0) return;
    const [cluster = "", namespace = "", kind = "", workload = "", revision = "", pod = "", container = "", id = ""] =
      group.values.slice(skip);
    const place = [...(cluster === "" ? [] : [equal("cluster", cluster)]), equal("namespace", namespace)];
    if (workload !== "" && revision !== "") {
      const matchers = [...place, equal("workload_kind", kind), equal("workload_name", workload)];
      revisions.add(formatSelector(matchers), revision, slot, {
        kind: "revision",
        name: `${workload} ${revision}`,
        query: formatSelector([...matchers, equal("revision", revision)]),
      });
    }
    if (pod !== "" && container !== "" && id !== "") {
      const matchers = [...place, equal("pod", pod), equal("container", container)];
      containers.add(formatSelector(matchers), id, slot, {
        kind: "restart",
        name: `${pod} / ${container}`,
        query: formatSelector([...matchers, equal("container_id", id)]),
      });
    }
  });
  const marks = [...revisions.successors(), ...containers.successors()];
  marks.sort((a, b) => a.slot - b.slot);
  return marks.slice(0, MAX_MARKS).map(({ slot, mark }) => ({ time: start + slot * step, ...mark }));
}

interface First {
  slot: number;
  readonly mark: Omit<Mark, "time">;
}

/** When each of several things that follow one another was seen first. */
class Firsts {
  readonly #owners = new Map<string, Map<string, First>>();

  add(owner: string, thing: string, slot: number, mark: Omit<Mark, "time">): void {
    let things = this.#owners.get(owner);
    if (!things) this.#owners.set(owner, (things = new Map<string, First>()));
    const known = things.get(thing);
    if (known) known.slot = Math.min(known.slot, slot);
    else things.set(thing, { slot, mark });
  }

  /** Those that came after another one. */
  *successors(): Generator<{ readonly slot: number; readonly mark: Omit<Mark, "time"> }> {
    for (const things of this.#owners.values()) {
      const first = Math.min(...[...things.values()].map(({ slot }) => slot));
      for (const thing of things.values()) if (thing.slot > first) yield thing;
    }
  }
}
