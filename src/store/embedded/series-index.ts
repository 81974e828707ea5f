import { type GroupedSpan, StoreError } from "../profile-store.ts";
import { RecentMap } from "../recent-map.ts";
import type { DescribedType, NumberedType, SeriesCatalog } from "../series/index.ts";
import type { Catalogue, Change, SeriesHome } from "./catalogue.ts";

/** A series as the intake knows it. */
export interface KnownSeries {
  readonly number: number;
  /** Values add up over time; otherwise each profile is a snapshot. */
  readonly isSum: boolean;
}

interface HomeMember {
  readonly number: number;
  readonly home: number;
  readonly type: number;
  /** Milliseconds, both inclusive; `first` is above `last` while there is nothing. */
  first: number;
  last: number;
}

/** Series that are in memory for requests that come again. */
const REMEMBERED = 50_000;
/** What makes a home: what is read together lies together. Named by how they were at the first sample; only for locality. */
const HOME_LABELS = [
  "k8s.cluster.name",
  "k8s.namespace.name",
  "service.namespace",
  "service.name",
  "k8s.deployment.name",
  "k8s.statefulset.name",
  "k8s.daemonset.name",
  "k8s.cronjob.name",
  "k8s.job.name",
  "k8s.container.name",
];
/** Homes at most; all others share one. */
const MAX_HOMES = 50_000;
const HOME_OF_OTHERS = 0;

/**
 * Series by what a request says, and the home of each: samples of a home lie together in blocks, and are added up for
 * the whole home there.
 */
export class SeriesIndex {
  readonly #series: SeriesCatalog;
  #recent = new RecentMap<string, KnownSeries>(REMEMBERED);
  readonly #homes = new Map<string, number>();
  readonly #ofSeries = new Map<number, HomeMember>();
  readonly #members = new Map<number, HomeMember[]>();
  #newHomes: { home: number; key: string }[] = [];
  #newSeries: SeriesHome[] = [];

  constructor(series: SeriesCatalog, catalogue: Catalogue) {
    this.#series = series;
    for (const { home, key } of catalogue.homes()) this.#homes.set(key, home);
    for (const { first, last, ...entry } of catalogue.seriesHomes()) this.#add(entry, first, last);
  }

  /** Forgets what is remembered of requests: series may have gone. */
  clear(): void {
    this.#recent = new RecentMap<string, KnownSeries>(REMEMBERED);
  }

  /** The series of a resource's profile of that type; undefined where there is no room for it. */
  of(described: DescribedType, attributes: ReadonlyMap<string, string>, time: number): KnownSeries | undefined {
    try {
      const type = this.#series.type(described);
      const key = keyOf(type.number, attributes);
      const recent = this.#recent.get(key);
      if (recent) return recent;
      const number = this.#series.series(type.number, attributes, time);
      if (!this.#ofSeries.has(number)) this.#settle(number, type, attributes);
      const known = { number, isSum: type.aggregation === "sum" };
      this.#recent.set(key, known);
      return known;
    } catch (error) {
      if (error instanceof StoreError && error.kind === "limit") return undefined;
      throw error;
    }
  }

  seen(series: number, from: number, to: number): void {
    this.#series.seen(series, from, to);
    const member = this.#ofSeries.get(series);
    if (!member) return;
    if (from < member.first) member.first = from;
    if (to > member.last) member.last = to;
  }

  homeOf(series: number): number {
    return this.#ofSeries.get(series)?.home ?? HOME_OF_OTHERS;
  }

  typeOf(series: number): number | undefined {
    return this.#ofSeries.get(series)?.type;
  }

  /**
   * The homes of spans, each with the group that all its series count for over the whole range, or undefined where
   * series are missing or count differently.
   */
  homesOf(spans: readonly GroupedSpan[], from: number, to: number): ReadonlyMap<number, number | undefined> {
    const groups = new Map<number, { group: number | undefined; series: Set<number> }>();
    for (const span of spans) {
      const home = this.homeOf(span.series);
      const known = groups.get(home) ?? { group: span.group, series: new Set<number>() };
      if (known.group !== span.group || span.from > from || span.to < to) known.group = undefined;
      known.series.add(span.series);
      groups.set(home, known);
    }
    const homes = new Map<number, number | undefined>();
    for (const [home, { group, series }] of groups) {
      const isMissing = ({ number, first, last }: HomeMember): boolean =>
        first < to && last >= from && !series.has(number);
      const isWhole = home !== HOME_OF_OTHERS && this.#members.get(home)?.some(isMissing) === false;
      homes.set(home, isWhole ? group : undefined);
    }
    return homes;
  }

  /** What is to be written before blocks refer to it. */
  unsaved(): Pick<Change, "addHomes" | "addSeriesHomes"> {
    return { addHomes: [...this.#newHomes], addSeriesHomes: [...this.#newSeries] };
  }

  /** What `unsaved` gave is written. */
  saved({ addHomes, addSeriesHomes }: Pick<Change, "addHomes" | "addSeriesHomes">): void {
    this.#newHomes = this.#newHomes.slice(addHomes?.length ?? 0);
    this.#newSeries = this.#newSeries.slice(addSeriesHomes?.length ?? 0);
  }

  #settle(series: number, type: NumberedType, attributes: ReadonlyMap<string, string>): void {
    const labels: string[] = HOME_LABELS.map((name) => attributes.get(name) ?? "");
    if (!labels.some((value) => value !== "")) {
      labels.push(attributes.get("container.id") ?? attributes.get("process.executable.name") ?? "");
    }
    const key = JSON.stringify([type.number, ...labels]);
    let home = this.#homes.get(key);
    if (home === undefined) {
      home = this.#homes.size < MAX_HOMES ? this.#homes.size + 1 : HOME_OF_OTHERS;
      if (home !== HOME_OF_OTHERS) {
        this.#homes.set(key, home);
        this.#newHomes.push({ home, key });
      }
    }
    const entry = { series, home, type: type.number };
    this.#add(entry);
    this.#newSeries.push(entry);
  }

  #add({ series, home, type }: SeriesHome, first = Infinity, last = -Infinity): void {
    const member: HomeMember = { number: series, home, type, first, last };
    this.#ofSeries.set(series, member);
    const members = this.#members.get(home);
    if (members) members.push(member);
    else this.#members.set(home, [member]);
  }
}

function keyOf(type: number, attributes: ReadonlyMap<string, string>): string {
  let key = `${type}`;
  for (const [name, value] of attributes) key += `\n${name}=${value}`;
  return key;
}
