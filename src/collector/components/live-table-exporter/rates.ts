import type { Owner } from "./owner.ts";

/** What a payload adds to an owner. */
export interface Activity {
  /** Samples, spans, data points or log records. */
  readonly items: number;
  /** CPU time that samples stand for; 0 for other items. */
  readonly cpuNanos: number;
  /** Samples by the function that ran, where names could be read. */
  readonly functions?: ReadonlyMap<string, number>;
  /** Samples by the program that ran, where samples tell. */
  readonly programs?: ReadonlyMap<string, number>;
}

/** A row: an owner and what it did lately. */
export interface Rate {
  readonly owner: Owner;
  readonly perSecond: number;
  /** CPUs kept busy; 0 where nothing tells. */
  readonly cores: number;
  /** The function that most samples were taken in; empty where no name is known. */
  readonly hottest: string;
  /** The program that most samples are of; empty where none says. */
  readonly program: string;
}

interface Row {
  readonly owner: Owner;
  /** Of the interval that is going on. */
  items: number;
  cpuNanos: number;
  /** Of the last intervals, oldest first. */
  readonly past: { readonly items: number; readonly cpuNanos: number }[];
  /** Weights by name, halved with each interval. */
  readonly functions: Map<string, number>;
  readonly programs: Map<string, number>;
}

/** Intervals that a rate is taken over: senders that report every few seconds would flicker otherwise. */
const INTERVALS = 5;
/** Owners counted apart; more are counted together, for their number is the sender's choice. */
const MAX_OWNERS = 10_000;
const OVERFLOW: Owner = {
  namespace: "",
  pod: "",
  container: "",
  service: `(beyond ${MAX_OWNERS} others)`,
  named: false,
};
/** Names of an owner that are weighed: the hottest is among the first hundreds seen, or soon will be. */
const MAX_NAMES = 256;
/** A name weighs so little after a few intervals without samples, and is forgotten. */
const FORGOTTEN = 0.25;

/** Items per owner over the last intervals, in bounded memory: an owner without items for all of them is forgotten. */
export class Rates {
  readonly #rows = new Map<string, Row>();

  add(owner: Owner, { items, cpuNanos, functions, programs }: Activity): void {
    const key = `${owner.namespace}\0${owner.pod}\0${owner.container}\0${owner.service}`;
    const row = this.#rows.get(key) ?? (this.#rows.size < MAX_OWNERS ? this.#insert(key, owner) : this.#overflow());
    row.items += items;
    row.cpuNanos += cpuNanos;
    warm(row.functions, functions);
    warm(row.programs, programs);
  }

  /** Ends the interval. @returns all owners, the busiest first */
  endInterval(intervalMs: number): Rate[] {
    const rates: Rate[] = [];
    for (const [key, row] of this.#rows) {
      row.past.push({ items: row.items, cpuNanos: row.cpuNanos });
      row.items = row.cpuNanos = 0;
      if (row.past.length > INTERVALS) row.past.shift();
      const items = row.past.reduce((sum, past) => sum + past.items, 0);
      const cpuNanos = row.past.reduce((sum, past) => sum + past.cpuNanos, 0);
      if (items === 0) {
        this.#rows.delete(key);
        continue;
      }
      const elapsedMs = row.past.length * intervalMs;
      rates.push({
        owner: row.owner,
        perSecond: (items * 1000) / elapsedMs,
        cores: cpuNanos / 1e6 / elapsedMs,
        hottest: cooled(row.functions),
        program: cooled(row.programs),
      });
    }
    return rates.sort((a, b) => b.perSecond - a.perSecond);
  }

  #insert(key: string, owner: Owner): Row {
    const row: Row = { owner, items: 0, cpuNanos: 0, past: [], functions: new Map(), programs: new Map() };
    this.#rows.set(key, row);
    return row;
  }

  #overflow(): Row {
    return this.#rows.get("") ?? this.#insert("", OVERFLOW);
  }
}

/** Adds weights, of new names as long as there is room. */
function warm(names: Map<string, number>, weights: ReadonlyMap<string, number> = new Map()): void {
  for (const [name, weight] of weights) {
    const before = names.get(name);
    if (before !== undefined || names.size < MAX_NAMES) names.set(name, (before ?? 0) + weight);
  }
}

/** Halves all weights, drops what has become light, and tells the heaviest. */
function cooled(names: Map<string, number>): string {
  let hottest = "";
  let most = 0;
  for (const [name, weight] of names) {
    if (weight > most) [hottest, most] = [name, weight];
    if (weight < 2 * FORGOTTEN) names.delete(name);
    else names.set(name, weight / 2);
  }
  return hottest;
}
