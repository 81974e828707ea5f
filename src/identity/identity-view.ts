import type { ObjectKind } from "#kubernetes";
import type { Clock } from "#telemetry";
import type { Directory } from "./directory.ts";
import { AMBIGUOUS, type PodIndex, type TelemetryTime } from "./pod-index.ts";
import { type ContainerInstance, goneSince, LIVE, type ObjectRecord, type PodRecord } from "./records.ts";

/**
 * A directory as one user sees it: what is gone counts for that user's grace period, though the directory may keep it
 * longer for another. Look-ups by container id and by uid allocate nothing.
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
    return instance !== undefined && this.#counts(goneSince(instance)) ? instance : undefined;
  }

  /** The pod whose uid stands in `bytes[start, end)`. */
  uid(bytes: Uint8Array, start: number, end: number): PodRecord | undefined {
    const record = this.directory.findUid(bytes, start, end);
    return record !== undefined && this.#counts(record.goneSinceMs) ? record : undefined;
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

  #counts(goneSinceMs: number): boolean {
    return goneSinceMs === LIVE || goneSinceMs >= this.#clock.monotonicMs() - this.#graceMs;
  }
}
