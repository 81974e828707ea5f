import type { Owner } from "./owner.ts";

/** What a payload adds to an owner. */
export interface Activity {
  /** Samples, spans, data points or log records. */
  readonly items: number;
  /** CPU time that samples stand for; 0 for other items. */
  readonly cpuNanos: number;
  /** Samples by the function that ran, where names could be read. */
  readonly functions?: ReadonlyMap<string, number>;
}

/** A row: an owner and what it did lately. */
export interface Rate {
  readonly owner: Owner;
  readonly perSecond: number;
  /** CPUs kept busy; 0 where nothing tells. */
  readonly cores: number;
  /** The function that most samples were taken in; empty where no name is known. */
  readonly hottest: string;
}

interface Row {
  readonly owner: Owner;
  /** Of the interval that is going on. */
  items: number;
  cpuNanos: number;
  /** Of the last intervals, oldest first. */
  readonly past: { readonly items: number; readonly cpuNanos: number }[];
  /** Weights by function, halved with each interval. */
  readonly functions: Map<string, number>;
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
/** Functions of an owner that are weighed: the hottest is among the first hundreds seen, or soon will be. */
const MAX_FUNCTIONS = 256;
/** A function weighs so little after a few intervals without samples, and is forgotten. */
const FORGOTTEN = 0.25;

/** Items per owner over the last intervals, in bounded memory: an owner without items for all of them is forgotten. */
export class Rates {
  readonly #rows = new Map<string, Row>();

  add(owner: Owner, { items, cpuNanos, functions }: Activity): void {
    const key = `${owner.namespace}\0${owner.pod}\0${owner.container}\0${owner.service}`;
    const row = this.#rows.get(key) ?? (this.#rows.size < MAX_OWNERS ? this.#insert(key, owner) : this.#overflow());
    row.items += items;
    row.cpuNanos += cpuNanos;
    if (functions === undefined) return;
    for (const [name, weight] of functions) {
      const before = row.functions.get(name);
      if (before !== undefined || row.functions.size < MAX_FUNCTIONS) row.functions.set(name, (before ?? 0) + weight);
    }
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
      });
    }
    return rates.sort((a, b) => b.perSecond - a.perSecond);
  }

  #insert(key: string, owner: Owner): Row {
    const row: Row = { owner, items: 0, cpuNanos: 0, past: [], functions: new Map() };
    this.#rows.set(key, row);
    return row;
  }

  #overflow(): Row {
    return this.#rows.get("") ?? this.#insert("", OVERFLOW);
  }
}

/** Halves all weights, drops what has become light, and tells the heaviest. */
function cooled(functions: Map<string, number>): string {
  let hottest = "";
  let most = 0;
  for (const [name, weight] of functions) {
    if (weight > most) [hottest, most] = [name, weight];
    if (weight < 2 * FORGOTTEN) functions.delete(name);
    else functions.set(name, weight / 2);
  }
  return hottest;
}
