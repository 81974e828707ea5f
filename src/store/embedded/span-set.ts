import type { GroupedSpan, TimeRange } from "../profile-store.ts";

/** A span as a scan needs it. */
export interface ScanSpan {
  readonly series: number;
  readonly group: number;
  /** Milliseconds, whole buckets. */
  from: number;
  to: number;
  /** What values are multiplied by. */
  factor: number;
}

/** The spans of a question, by series. */
export class SpanSet {
  readonly spans: readonly ScanSpan[];
  readonly #bySeries = new Map<number, ScanSpan[]>();

  /**
   * @param range as asked
   * @param covered the same in whole buckets
   * @param grain milliseconds that limits within the range are rounded to: what ends there and what begins there share one
   * @param factorOf what values of a series are multiplied by; undefined for those that are not asked for
   */
  constructor(
    spans: readonly GroupedSpan[],
    range: TimeRange,
    covered: TimeRange,
    grain: number,
    factorOf: (series: number) => number | undefined,
  ) {
    const kept: ScanSpan[] = [];
    for (const { series, group, from, to } of spans) {
      const factor = factorOf(series);
      if (factor === undefined) continue;
      const span: ScanSpan = {
        series,
        group,
        from: from <= range.from ? covered.from : Math.round(from / grain) * grain,
        to: to >= range.to ? covered.to : Math.round(to / grain) * grain,
        factor,
      };
      if (span.from >= span.to) continue;
      kept.push(span);
      const others = this.#bySeries.get(series);
      if (others) others.push(span);
      else this.#bySeries.set(series, [span]);
    }
    this.spans = kept;
  }

  get isEmpty(): boolean {
    return this.spans.length === 0;
  }

  get series(): Iterable<number> {
    return this.#bySeries.keys();
  }

  get seriesCount(): number {
    return this.#bySeries.size;
  }

  of(series: number): readonly ScanSpan[] | undefined {
    return this.#bySeries.get(series);
  }

  /** The group and factor of all, where they are the same and every span is as long as the range; else undefined. */
  uniform(covered: TimeRange): { readonly group: number; readonly factor: number } | undefined {
    const first = this.spans[0];
    if (!first || this.spans.length !== this.#bySeries.size) return undefined;
    const { group, factor } = first;
    const isSame = (span: ScanSpan): boolean =>
      span.group === group && span.factor === factor && span.from <= covered.from && span.to >= covered.to;
    return this.spans.every(isSame) ? { group, factor } : undefined;
  }
}
