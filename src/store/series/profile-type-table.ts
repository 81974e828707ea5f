import type { DatabaseSync } from "node:sqlite";
import { type ProfileType, StoreError, type TimeRange } from "../profile-store.ts";
import { type DescribedType, type InterpretedType, interpretType } from "./type-rules.ts";

/** A profile type as series have it: one of a kind for each period, for values are stored as they came. */
export interface NumberedType extends InterpretedType {
  readonly number: number;
}

interface TypeRow extends NumberedType {
  readonly described: DescribedType;
  first: number;
  last: number;
  isSaved: boolean;
}

/** Periods come from senders. Real ones have a handful. */
const MAX_TYPES = 1000;

/** All profile types that were ever stored, and when. What is new counts at once, and is written by `save`. */
export class ProfileTypeTable {
  readonly #database: DatabaseSync;
  readonly #byText = new Map<string, TypeRow>();
  readonly #rows: TypeRow[] = [];

  /** Makes its table where it isn't there yet. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(`
      CREATE TABLE IF NOT EXISTS profile_type (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        described TEXT NOT NULL,
        first INTEGER,
        last INTEGER
      ) STRICT;
    `);
    for (const row of database.prepare("SELECT * FROM profile_type ORDER BY number").all()) {
      const described = JSON.parse(String(row["described"])) as DescribedType;
      const first = row["first"] === null ? Infinity : Number(row["first"]);
      const last = row["last"] === null ? -Infinity : Number(row["last"]);
      const interpreted = { ...interpretType(described), id: String(row["id"]) };
      this.#add({ ...interpreted, number: Number(row["number"]), described, first, last, isSaved: true });
    }
  }

  /** @throws StoreError "limit" */
  intern(described: DescribedType): NumberedType {
    const known = this.#byText.get(textOf(described));
    if (known !== undefined) return known;
    if (this.#rows.length >= MAX_TYPES) {
      throw new StoreError(
        "limit",
        `profile type ${described.sampleType} with a period of ${described.period} ${described.periodUnit} can't be ` +
          `kept: there are ${MAX_TYPES} types and periods already; make senders use a fixed period`,
      );
    }
    const interpreted = interpretType(described);
    const sameName = this.#rows.find(({ id }) => id === interpreted.id);
    // One id has one unit: `wall` in nanoseconds and `wall` as a count must not be added up.
    const id =
      sameName === undefined || sameName.unit === interpreted.unit
        ? interpreted.id
        : `${interpreted.id}_${interpreted.unit}`;
    const number = (this.#rows.at(-1)?.number ?? 0) + 1;
    const row = { ...interpreted, id, number, described, first: Infinity, last: -Infinity, isSaved: false };
    this.#add(row);
    return row;
  }

  /** A series of that type has samples in this stretch of time. */
  seen(number: number, from: number, to: number): void {
    const row = this.#rows[number - 1];
    if (row === undefined || (row.first <= from && row.last >= to)) return;
    row.first = Math.min(row.first, Math.floor(from));
    row.last = Math.max(row.last, Math.ceil(to));
    row.isSaved = false;
  }

  /** The types of a name. */
  ofId(id: string): readonly NumberedType[] {
    return this.#rows.filter((row) => row.id === id);
  }

  /** Those with samples in a range, by name. */
  within(range: TimeRange): readonly ProfileType[] {
    const newest = new Map<string, TypeRow>();
    for (const row of this.#rows) {
      if (row.first >= range.to || row.last < range.from) continue;
      const other = newest.get(row.id);
      if (other === undefined || other.last <= row.last) newest.set(row.id, row);
    }
    return [...newest.values()].map(profileType).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Writes what is not written yet; the caller has begun a transaction. */
  save(): void {
    const upsert = this.#database.prepare("INSERT OR REPLACE INTO profile_type VALUES (?, ?, ?, ?, ?)");
    for (const { number, id, described, first, last, isSaved } of this.#rows) {
      const [from, to] = first <= last ? [first, last] : [null, null];
      if (!isSaved) upsert.run(number, id, JSON.stringify(described), from, to);
    }
  }

  /** What was written is committed. */
  saved(): void {
    for (const row of this.#rows) row.isSaved = true;
  }

  #add(row: TypeRow): void {
    this.#rows.push(row);
    this.#byText.set(textOf(row.described), row);
  }
}

function textOf({ sampleType, sampleUnit, periodType, periodUnit, period, measured }: DescribedType): string {
  return JSON.stringify([sampleType, sampleUnit, periodType, periodUnit, period, measured === true]);
}

function profileType({ id, unit, aggregation, described }: TypeRow): ProfileType {
  const { periodType, periodUnit, period } = described;
  const told = period > 0 ? { type: periodType, unit: periodUnit, value: period } : undefined;
  return { id, unit, aggregation, period: told };
}
