import type { Clock } from "#telemetry";
import type { ArrivalKey } from "./arrivals.ts";
import type { MissReason } from "./miss-reasons.ts";

/** About 1 MiB of entries with usual values, 4 MiB of the longest. */
const MAX_ENTRIES = 2_000;
/** The longest name of a pod with its namespace has 317 characters; nobody needs to read more. */
const MAX_VALUE_CHARACTERS = 320;
/** Entries move to the end at most that often, which makes noting a key that keeps coming one look-up. */
const MOVE_AFTER_MS = 1_000;

/** Stands for an attribute's name where the value is the sender's address. */
export const CONNECTION = "connection";

/**
 * Where the process's `UnresolvedKeys` are among its shared services: `Host.service(hostKey<UnresolvedKeys>(this), …)`.
 * Whoever comes first makes them; whoever only reads may make empty ones.
 */
export const UNRESOLVED_KEYS_SERVICE = "unresolved keys";

/** One way by which resources should have led to a pod and didn't. Plain data, as `/debug/identity` serves it. */
export interface UnresolvedKey {
  /** Who looked: the component's id, e.g. `k8s_attributes`. */
  readonly processor: string;
  /** `traces`, `metrics`, `logs` or `profiles`. */
  readonly signal: string;
  /**
   * What the resource was looked up by: values by the name of their attribute, or of `CONNECTION`. Where no rule applied,
   * attributes that tell the resource from others, as far as it has any.
   */
  readonly key: Readonly<Record<string, string>>;
  /** Why it wasn't named the last time. */
  readonly reason: MissReason;
  /** More about the reason, for people, e.g. since when the pod is gone. */
  readonly detail?: string;
  /** Resources that came with it and weren't named. */
  readonly count: number;
  /** Wall-clock times of the first and the last of them, in milliseconds since the epoch. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Whether the key leads to a pod by now: those that come from now on are named. */
  readonly isKnownNow: boolean;
}

/** A resource that wasn't named. */
export interface MissedKey {
  /** The names of `values`: a rule's, or of those by which the resource is told from others. */
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly reason: MissReason;
  /** Where it can be told whether the key is known meanwhile. */
  readonly arrivalKey: ArrivalKey | undefined;
  /** More about the reason, for people. */
  readonly detail: string | undefined;
}

interface Entry {
  readonly place: Place;
  readonly names: readonly string[];
  readonly values: readonly string[];
  arrivalKey: ArrivalKey | undefined;
  reason: MissReason;
  detail: string | undefined;
  count: number;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** When it last moved to the end. */
  movedMs: number;
}

/**
 * The keys by which the process's processors found no pod, the latest few thousand of them, each with its reason: the
 * answer to "why is this not named". Costs nothing for resources that are named. Values are cut off, entries that haven't
 * come for the longest time give way and are counted, so that hostile senders can't make it grow.
 */
export class UnresolvedKeys {
  readonly #clock: Clock;
  readonly #max: number;
  /** By place, names and values; roughly in the order in which they last came. */
  readonly #entries = new Map<string, Entry>();
  readonly #places = new Set<Place>();
  #forgotten = 0;

  constructor(clock: Clock, max = MAX_ENTRIES) {
    this.#clock = clock;
    this.#max = max;
  }

  /** Entries that had to give way for others. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Where a processor notes what it couldn't name in one pipeline. Closed by whoever opened it, which takes its entries
   * away.
   */
  open(settings: PlaceSettings): Place {
    const place = new Place(settings, this);
    this.#places.add(place);
    return place;
  }

  /** All of them, the latest first. */
  list(): UnresolvedKey[] {
    return [...this.#entries.values()].sort((a, b) => b.lastSeenMs - a.lastSeenMs).map(plain);
  }

  /**
   * Why a resource with these attributes was not named the last time that one like it came; undefined where none did, or
   * where its pod is known meanwhile. For who sees resources behind the processors.
   *
   * @param peerAddress of its sender; empty where that is not known
   */
  find(signal: string, attributes: ReadonlyMap<string, unknown>, peerAddress: string): UnresolvedKey | undefined {
    const valueOf = (name: string): string => {
      const value = name === CONNECTION ? peerAddress : attributes.get(name);
      return typeof value === "string" ? value : "";
    };
    for (const place of this.#places) {
      if (place.signal !== signal) continue;
      const applying = place.rules.filter((names) => names.every((name) => valueOf(name) !== ""));
      const shapes = applying.length > 0 ? applying : [place.telling.filter((name) => valueOf(name) !== "")];
      for (const names of shapes) {
        const entry = this.#entries.get(nameOf(place, names, names.map(valueOf).map(shortened)));
        const found = entry && plain(entry);
        if (found?.isKnownNow === false) return found;
      }
    }
    return undefined;
  }

  /** @internal */
  note(place: Place, missed: MissedKey): void {
    const { names, reason } = missed;
    const values = missed.values.some(isLong) ? missed.values.map(shortened) : missed.values;
    const name = nameOf(place, names, values);
    const nowMs = this.#clock.nowMs();
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      if (this.#entries.size >= this.#max) this.#makeRoom();
      const { arrivalKey, detail } = missed;
      const times = { firstSeenMs: nowMs, lastSeenMs: nowMs, movedMs: nowMs };
      entry = { place, names, values, arrivalKey, reason, detail, count: 0, ...times };
      this.#entries.set(name, entry);
    } else if (nowMs - entry.movedMs >= MOVE_AFTER_MS) {
      entry.movedMs = nowMs;
      this.#entries.delete(name);
      this.#entries.set(name, entry);
    }
    if (entry.reason !== reason) {
      entry.reason = reason;
      entry.detail = missed.detail;
      entry.arrivalKey = missed.arrivalKey;
    }
    entry.count++;
    entry.lastSeenMs = nowMs;
  }

  /** @internal */
  close(place: Place): void {
    if (!this.#places.delete(place)) return;
    for (const [name, entry] of this.#entries) if (entry.place === place) this.#entries.delete(name);
  }

  #makeRoom(): void {
    this.#entries.delete(this.#entries.keys().next().value!);
    this.#forgotten++;
  }
}

/** One pipeline of one processor. */
export interface PlaceSettings {
  readonly processor: string;
  readonly signal: string;
  /** The names of the values that each association rule goes by, in their order. */
  readonly rules: readonly (readonly string[])[];
  /** Attributes by which resources are told from each other where no rule applies; those that they have, in this order. */
  readonly telling: readonly string[];
  /** Whether the key leads to a pod now. */
  readonly isKnown: (key: ArrivalKey) => boolean;
}

/** Where one processor's pipeline notes what it couldn't name. */
export class Place implements PlaceSettings {
  readonly processor: string;
  readonly signal: string;
  readonly rules: readonly (readonly string[])[];
  readonly telling: readonly string[];
  readonly isKnown: (key: ArrivalKey) => boolean;
  readonly #all: UnresolvedKeys;

  /** @internal Made by `UnresolvedKeys.open`. */
  constructor({ processor, signal, rules, telling, isKnown }: PlaceSettings, all: UnresolvedKeys) {
    this.processor = processor;
    this.signal = signal;
    this.rules = rules;
    this.telling = telling;
    this.isKnown = isKnown;
    this.#all = all;
  }

  note(missed: MissedKey): void {
    this.#all.note(this, missed);
  }

  close(): void {
    this.#all.close(this);
  }
}

function plain(entry: Entry): UnresolvedKey {
  const { place, names, values, arrivalKey, reason, detail, count, firstSeenMs, lastSeenMs } = entry;
  return {
    processor: place.processor,
    signal: place.signal,
    key: Object.fromEntries(names.map((name, at): [string, string] => [name, values[at]!])),
    reason,
    ...(detail === undefined ? {} : { detail }),
    count,
    firstSeenMs,
    lastSeenMs,
    isKnownNow: arrivalKey !== undefined && place.isKnown(arrivalKey),
  };
}

/** No name of a component has a line break; values are told apart by what no attribute's name should hold. */
function nameOf({ processor, signal }: Place, names: readonly string[], values: readonly string[]): string {
  return names.length === 1
    ? `${processor}\n${signal}\n${names[0]}=${values[0]}`
    : `${processor}\n${signal}\n${JSON.stringify([names, values])}`;
}

function isLong(value: string): boolean {
  return value.length > MAX_VALUE_CHARACTERS;
}

function shortened(value: string): string {
  return isLong(value) ? `${value.slice(0, MAX_VALUE_CHARACTERS)}…` : value;
}
