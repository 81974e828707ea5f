import type { ObjectKind } from "#kubernetes";
import type { Clock } from "#telemetry";
import type { Directory } from "./directory.ts";
import { AMBIGUOUS, type PodIndex, type TelemetryTime } from "./pod-index.ts";
import { type ContainerInstance, LIVE, type ObjectRecord, type PodRecord } from "./records.ts";

/** How long after its end a pod can be found at most, however much data keeps coming: senders with queues are late. */
export const LONGEST_EXTENSION_MS = 3_600_000;

/**
 * A directory as one user sees it: what is gone counts for that user's grace period, though the directory may keep it
 * longer for another. What nobody else will ever be called, a pod's uid and the ids of its containers, counts for as long as
 * it is asked for without a pause of the grace period. Look-ups by these allocate nothing.
 */
export class IdentityView {
  readonly directory: Directory;
  readonly #graceMs: number;
  readonly #clock: Clock;

  constructor(directory: Directory, graceMs: number, clock: Clock) {
    this.directory = directory;
    this.#graceMs = graceMs;
    this.#clock = clock;
  }

  /** The container run whose id stands in `bytes[start, end)`, in any spelling. */
  container(bytes: Uint8Array, start: number, end: number): ContainerInstance | undefined {
    const instance = this.directory.findContainer(bytes, start, end);
    if (instance === undefined) return undefined;
    return this.#isInUse(instance) && this.#isInUse(instance.record) ? instance : undefined;
  }

  /** The pod whose uid stands in `bytes[start, end)`. */
  uid(bytes: Uint8Array, start: number, end: number): PodRecord | undefined {
    const record = this.directory.findUid(bytes, start, end);
    return record !== undefined && this.#isInUse(record) ? record : undefined;
  }

  /**
   * The pod with that key in an index of the directory, at that time where keys pass from pod to pod; `AMBIGUOUS` where
   * several have an equal right to it.
   */
  in(index: PodIndex, key: string, time?: TelemetryTime): PodRecord | typeof AMBIGUOUS | undefined {
    const nowMs = this.#clock.monotonicMs();
    const found = index.find(key, nowMs - this.#graceMs, time, this.#clock.nowMs() - nowMs);
    if (found === AMBIGUOUS) this.directory.countAmbiguous();
    return found;
  }

  /** The object of that kind by its name (namespaces, nodes) or uid; undefined for one that nobody follows or saw. */
  object(kind: ObjectKind, key: string): ObjectRecord | undefined {
    const record = this.directory.objects.find(kind, key);
    return record?.object !== undefined && this.#counts(record.goneSinceMs) ? record : undefined;
  }

  /** Whether it is there, or was a grace period ago, or was asked for since. It has been asked for now. */
  #isInUse(subject: PodRecord | ContainerInstance): boolean {
    const { goneSinceMs } = subject;
    if (goneSinceMs === LIVE) return true;
    const nowMs = Math.trunc(this.#clock.monotonicMs());
    const countedFromMs = Math.max(goneSinceMs, subject.askedMs);
    if (countedFromMs < nowMs - this.#graceMs) return false;
    if (goneSinceMs < nowMs - Math.max(this.#graceMs, LONGEST_EXTENSION_MS)) return false;
    subject.askedMs = nowMs;
    return true;
  }

  #counts(goneSinceMs: number): boolean {
    return goneSinceMs === LIVE || goneSinceMs >= this.#clock.monotonicMs() - this.#graceMs;
  }
}
