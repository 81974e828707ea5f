import type { IdentityKey } from "../profile-store.ts";

/** Attributes by their OpenTelemetry names. */
export type Attributes = ReadonlyMap<string, string>;

/** What was known of a key from a time on. Milliseconds; `to` is exclusive, Infinity where it is open. */
export interface HistoryEntry {
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
}

/** A stretch of time in which what is known of a key doesn't change; the stretches of a key cover all time. */
export interface Known {
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
}

const NOTHING: Attributes = new Map();
const ALWAYS_NOTHING: readonly Known[] = [{ from: -Infinity, to: Infinity, attributes: NOTHING }];

/**
 * What is known of one container, pod or address over time, out of two sources:
 *
 * - `told`: whole states, from whoever watches the cluster. A state replaces the one before it.
 * - `carried`: what requests said of it on their way in. It adds up attribute by attribute, for requests of several
 *   senders say different things, and none of them all.
 *
 * Told wins over carried, but for `service.*`: nobody knows better what a service calls itself.
 */
export class KeyHistory {
  readonly key: IdentityKey;
  #told: readonly HistoryEntry[];
  #carried: readonly HistoryEntry[];
  #known: readonly Known[] | undefined;

  constructor(key: IdentityKey, told: readonly HistoryEntry[] = [], carried: readonly HistoryEntry[] = []) {
    this.key = key;
    this.#told = told;
    this.#carried = carried;
  }

  get told(): readonly HistoryEntry[] {
    return this.#told;
  }

  get carried(): readonly HistoryEntry[] {
    return this.#carried;
  }

  /** Takes a state in; one that begins at the same time is replaced. Returns whether anything changed. */
  tell(entry: HistoryEntry): boolean {
    const same = this.#told.find(({ from }) => from === entry.from);
    if (same !== undefined && same.to === entry.to && equalAttributes(same.attributes, entry.attributes)) return false;
    this.#told = inserted(this.#told, entry);
    this.#changed();
    return true;
  }

  /** What of a request's attributes wasn't known from requests of that time already; undefined if that is nothing. */
  newsIn(attributes: Attributes, time: number): Attributes | undefined {
    const before = carriedAt(this.#carried, time);
    let news: Map<string, string> | undefined;
    for (const [name, value] of attributes) if (before.get(name) !== value) (news ??= new Map()).set(name, value);
    return news;
  }

  /** Takes in what `newsIn` returned for that time. Returns the entry that says so now. */
  carry(news: Attributes, time: number): HistoryEntry {
    const same = this.#carried.find(({ from }) => from === time);
    const entry = { from: time, to: Infinity, attributes: same ? new Map([...same.attributes, ...news]) : news };
    this.#carried = inserted(this.#carried, entry);
    this.#changed();
    return entry;
  }

  /** All of time in stretches, at least one, in order. */
  known(): readonly Known[] {
    this.#known ??= this.key.kind === "k8s.pod.ip" ? strictly(this.#told) : leniently(this.#told, this.#carried);
    return this.#known;
  }

  /** What is known at a time. */
  at(time: number): Attributes {
    return (this.known().find(({ to }) => time < to) ?? this.known().at(-1)!).attributes;
  }

  #changed(): void {
    this.#known = undefined;
  }
}

function inserted(entries: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  const others = entries.filter(({ from }) => from !== entry.from);
  const index = others.findIndex(({ from }) => from > entry.from);
  return index < 0 ? [...others, entry] : [...others.slice(0, index), entry, ...others.slice(index)];
}

/** Of keys that are never used twice: what was heard last holds on, what was heard first holds for all that was before. */
function leniently(told: readonly HistoryEntry[], carried: readonly HistoryEntry[]): readonly Known[] {
  const [only, other] = [...told, ...carried];
  if (only === undefined) return ALWAYS_NOTHING;
  if (other === undefined) return [{ from: -Infinity, to: Infinity, attributes: only.attributes }];
  const starts = [...new Set([...told, ...carried].map(({ from }) => from))].sort((a, b) => a - b);
  return starts.map((start, index) => {
    const attributes = new Map(carriedAt(carried, start));
    const state = (told.findLast(({ from }) => from <= start) ?? told[0])?.attributes ?? NOTHING;
    for (const [name, value] of state) if (!(isOfService(name) && attributes.has(name))) attributes.set(name, value);
    return { from: index === 0 ? -Infinity : start, to: starts[index + 1] ?? Infinity, attributes };
  });
}

/** Of keys that others may have before and after: nothing holds beyond its time, and nothing where two pods claim it. */
function strictly(told: readonly HistoryEntry[]): readonly Known[] {
  if (told.length === 0) return ALWAYS_NOTHING;
  const edges = new Set([-Infinity, Infinity]);
  for (const { from, to } of told) edges.add(from).add(to);
  const times = [...edges].sort((a, b) => a - b);
  return times.slice(0, -1).map((from, index) => {
    const claims = told.filter((entry) => entry.from <= from && entry.to > from);
    const owners = new Set(claims.map(({ attributes }) => ownerOf(attributes)));
    return { from, to: times[index + 1]!, attributes: owners.size === 1 ? claims.at(-1)!.attributes : NOTHING };
  });
}

/** Each attribute as it was said last until then, or else first after it. */
function carriedAt(carried: readonly HistoryEntry[], time: number): Attributes {
  const only = carried.length === 1 ? carried[0] : undefined;
  if (only !== undefined) return only.attributes;
  const attributes = new Map<string, string>();
  for (const entry of carried) {
    for (const [name, value] of entry.attributes) {
      if (entry.from <= time || !attributes.has(name)) attributes.set(name, value);
    }
  }
  return attributes;
}

/** Which pod an address was said to be of. */
function ownerOf(attributes: Attributes): string {
  const uid = attributes.get("k8s.pod.uid");
  if (uid !== undefined) return uid;
  return JSON.stringify([attributes.get("k8s.namespace.name"), attributes.get("k8s.pod.name")]);
}

function isOfService(name: string): boolean {
  return name.startsWith("service.");
}

function equalAttributes(a: Attributes, b: Attributes): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}
