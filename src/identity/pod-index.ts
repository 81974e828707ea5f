import type { PodObject } from "#kubernetes";
import { type Claim, goneSince, LIVE, type PodRecord } from "./records.ts";

/** Answer of a look-up that several pods claim with equal right: nobody is told apart by guessing. */
export const AMBIGUOUS = Symbol("ambiguous");

/** Keys other than uid and container ids by which pods are found. */
export interface IndexDefinition {
  /** Equal names share one index, so a name must say all that `keysOf` depends on. */
  readonly name: string;
  /** The keys of a pod. Called at each change of it or of its owners; must depend on these alone. */
  keysOf(pod: PodObject, record: PodRecord): readonly string[];
  /**
   * Whether a key names one pod at a time (an address), so that two live claims of the same age are a contradiction;
   * otherwise (the name of a deployment) any of the youngest pods will do.
   */
  readonly exclusive: boolean;
}

/** Pods by address. Pods on the host's network have the node's address, which names none of them. */
export const BY_IP: IndexDefinition = {
  name: "ip",
  keysOf: (pod) => (pod.hostNetwork ? [] : pod.podIps),
  exclusive: true,
};

/** The key of a pod in `BY_NAME`. A slash can't be part of either name. */
export function podNameKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Pods by namespace and name. */
export const BY_NAME: IndexDefinition = {
  name: "name",
  keysOf: (pod) => (pod.name === "" ? [] : [podNameKey(pod.namespace, pod.name)]),
  exclusive: true,
};

/** Pods by the node they were scheduled to, for `PodIndex.holders`. */
export const BY_NODE: IndexDefinition = {
  name: "node",
  keysOf: (pod) => [pod.nodeName],
  exclusive: false,
};

/** When something was measured, for look-ups of keys that pass from pod to pod. */
export interface TelemetryTime {
  /** By the sender's clock, in milliseconds since 1970; undefined where nothing tells. Asked only where it matters. */
  readonly timeMs: number | undefined;
}

/** One index over a directory's pods. Filled and emptied by the directory alone. */
export class PodIndex {
  readonly definition: IndexDefinition;
  /** Most keys have one claim; an array only where there are more. */
  readonly #claims = new Map<string, Claim | Claim[]>();

  constructor(definition: IndexDefinition) {
    this.definition = definition;
  }

  /** Number of keys. */
  get size(): number {
    return this.#claims.size;
  }

  /** Whether some pod has the key, or had it a grace period ago. */
  has(key: string): boolean {
    return this.#claims.has(key);
  }

  /**
   * The pod that `key` stands for. A live claim beats one in its grace period, then the later start time wins, then,
   * among those gone, the one gone last. Claims that ended before `goneAfterMs` don't count.
   *
   * Of an exclusive key, who didn't hold it at the time of the telemetry doesn't count either: not the new holder for
   * what comes late, nor the old one for what a holder sends who isn't known yet. A single live claim isn't doubted, so
   * that a wrong clock does no harm where there is nothing to decide.
   *
   * @param wallOffsetMs what to add to monotonic time for wall-clock time
   */
  find(
    key: string,
    goneAfterMs: number,
    time?: TelemetryTime,
    wallOffsetMs = 0,
  ): PodRecord | typeof AMBIGUOUS | undefined {
    const held = this.#claims.get(key);
    if (held === undefined) return undefined;
    if (!Array.isArray(held) && goneSince(held) === LIVE) return held.record;
    const timeMs = this.definition.exclusive ? time?.timeMs : undefined;
    const mayHold = (claim: Claim): boolean =>
      counts(claim, goneAfterMs) && (timeMs === undefined || heldAt(claim, timeMs, wallOffsetMs));
    if (!Array.isArray(held)) return mayHold(held) ? held.record : undefined;
    let best: Claim | undefined;
    let tied = false;
    for (const claim of held) {
      if (!mayHold(claim)) continue;
      const order = best === undefined ? 1 : compare(claim, best);
      if (order === 0) tied = true;
      if (order <= 0) continue;
      best = claim;
      tied = false;
    }
    return tied && this.definition.exclusive ? AMBIGUOUS : best?.record;
  }

  /** The pods that have the key now. */
  *holders(key: string): Iterable<PodRecord> {
    const held = this.#claims.get(key);
    if (held === undefined) return;
    for (const claim of Array.isArray(held) ? held : [held]) if (goneSince(claim) === LIVE) yield claim.record;
  }

  /** @internal */
  add(claim: Claim): void {
    const held = this.#claims.get(claim.key);
    if (held === undefined) this.#claims.set(claim.key, claim);
    else if (Array.isArray(held)) held.push(claim);
    else this.#claims.set(claim.key, [held, claim]);
  }

  /** @internal */
  delete(claim: Claim): void {
    const held = this.#claims.get(claim.key);
    if (held === claim) this.#claims.delete(claim.key);
    else if (Array.isArray(held)) {
      const rest = held.filter((other) => other !== claim);
      this.#claims.set(claim.key, rest.length === 1 ? rest[0]! : rest);
    }
  }
}

function counts(claim: Claim, goneAfterMs: number): boolean {
  const gone = goneSince(claim);
  return gone === LIVE || gone >= goneAfterMs;
}

/** Whether the pod had started by then and still had the key. */
function heldAt(claim: Claim, timeMs: number, wallOffsetMs: number): boolean {
  const gone = goneSince(claim);
  return timeMs >= claim.record.pod.startedMs && (gone === LIVE || timeMs <= gone + wallOffsetMs);
}

/** Positive where `a` has the better right. */
function compare(a: Claim, b: Claim): number {
  const aGone = goneSince(a);
  const bGone = goneSince(b);
  if ((aGone === LIVE) !== (bGone === LIVE)) return aGone === LIVE ? 1 : -1;
  return a.record.pod.startedMs - b.record.pod.startedMs || aGone - bGone;
}
