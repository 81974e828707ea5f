import { bareContainerId } from "./container-index.ts";
import type { IndexDefinition } from "./pod-index.ts";

/** No uid is longer; what is isn't waited for. */
const LONGEST_UID = 64;

/**
 * A key that leads to a pod, whatever its kind, as a text: made by `keyOfContainer`, `keyOfUid` or `keyInIndex`. Two
 * spellings of one container id give one key.
 */
export type ArrivalKey = string;

/** The key of the container id in any spelling of it; undefined where there is none. */
export function keyOfContainer(id: string): ArrivalKey | undefined {
  const bare = bareContainerId(id);
  return bare === undefined ? undefined : `container ${bare}`;
}

/** The key of a pod's uid; undefined for what no pod can have. */
export function keyOfUid(uid: string): ArrivalKey | undefined {
  // UUIDs are the same in either case. For others one call too many does no harm.
  return uid === "" || uid.length > LONGEST_UID ? undefined : `uid ${uid.toLowerCase()}`;
}

/** The key of an entry of that index. */
export function keyInIndex(definition: IndexDefinition, key: string): ArrivalKey {
  return `${definition.name} ${key}`;
}

/**
 * Who waits for a pod or container that isn't known yet. Costs a directory nothing while nobody does: it makes keys
 * only where `any` says that somebody might be waiting for them.
 */
export class Arrivals {
  readonly #expected = new Map<ArrivalKey, (() => void)[]>();

  /** Whether anybody waits for anything. */
  get any(): boolean {
    return this.#expected.size > 0;
  }

  /**
   * Calls `arrived` as soon as the key leads to a pod, and each time that it comes to lead to one, until `forget`. The
   * call comes in the midst of a change: look up later, at the earliest in the next microtask.
   */
  expect(key: ArrivalKey, arrived: () => void): void {
    const others = this.#expected.get(key);
    if (others === undefined) this.#expected.set(key, [arrived]);
    else others.push(arrived);
  }

  /** Ends what `expect` began with the same arguments. */
  forget(key: ArrivalKey, arrived: () => void): void {
    const others = this.#expected.get(key)?.filter((other) => other !== arrived) ?? [];
    if (others.length === 0) this.#expected.delete(key);
    else this.#expected.set(key, others);
  }

  /** @internal The key, if it is one, leads to a pod from now on. */
  announce(key: ArrivalKey | undefined): void {
    if (key === undefined) return;
    for (const arrived of this.#expected.get(key) ?? []) arrived();
  }
}
