/** Who some items belong to, as the table shows it. Empty where nothing is known. */
export interface Owner {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly service: string;
}

/** A row: an owner and how many items a second it had lately. */
export interface Rate {
  readonly owner: Owner;
  readonly perSecond: number;
}

interface Row {
  readonly owner: Owner;
  /** Items of the interval that is going on. */
  current: number;
  /** Items of the last intervals, oldest first. */
  readonly past: number[];
}

/** Intervals that a rate is taken over: senders that report every few seconds would flicker otherwise. */
const INTERVALS = 5;
/** Owners counted apart; more are counted together, for their number is the sender's choice. */
const MAX_OWNERS = 10_000;
const OVERFLOW: Owner = { namespace: "", pod: "", container: "", service: `(beyond ${MAX_OWNERS} others)` };

/** Items per owner over the last intervals, in bounded memory: an owner without items for all of them is forgotten. */
export class Rates {
  readonly #rows = new Map<string, Row>();

  add(owner: Owner, items: number): void {
    const key = `${owner.namespace}\0${owner.pod}\0${owner.container}\0${owner.service}`;
    let row = this.#rows.get(key);
    if (!row) {
      const overflows = this.#rows.size >= MAX_OWNERS;
      row = overflows ? this.#overflow() : { owner, current: 0, past: [] };
      if (!overflows) this.#rows.set(key, row);
    }
    row.current += items;
  }

  /** Ends the interval. @returns all owners, the busiest first */
  endInterval(intervalMs: number): Rate[] {
    const rates: Rate[] = [];
    for (const [key, row] of this.#rows) {
      row.past.push(row.current);
      row.current = 0;
      if (row.past.length > INTERVALS) row.past.shift();
      const items = row.past.reduce((sum, count) => sum + count, 0);
      if (items === 0) this.#rows.delete(key);
      else rates.push({ owner: row.owner, perSecond: (items * 1000) / (row.past.length * intervalMs) });
    }
    return rates.sort((a, b) => b.perSecond - a.perSecond);
  }

  #overflow(): Row {
    let row = this.#rows.get("");
    if (!row) this.#rows.set("", (row = { owner: OVERFLOW, current: 0, past: [] }));
    return row;
  }
}
