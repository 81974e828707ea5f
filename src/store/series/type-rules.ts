import type { Aggregation } from "../profile-store.ts";

/** How a profile describes its values; texts as they stand in it, empty where they are absent. */
export interface DescribedType {
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
  /** 0 where it is absent. */
  readonly period: number;
  /**
   * True where the same values also come measured in the period's unit, as in pprof files of Go (`samples` and `cpu`).
   * Counts are then a type of their own, so that nothing counts twice.
   */
  readonly measured?: boolean;
}

/** What values of a profile are called and how they are counted in answers. */
export interface InterpretedType {
  readonly id: string;
  readonly unit: string;
  readonly aggregation: Aggregation;
  /** A value of the profile, times this, is in `unit`. */
  readonly scale: number;
}

const SCALES: Readonly<Record<string, readonly [unit: string, scale: number]>> = {
  nanoseconds: ["nanoseconds", 1],
  nanosecond: ["nanoseconds", 1],
  ns: ["nanoseconds", 1],
  microseconds: ["nanoseconds", 1e3],
  microsecond: ["nanoseconds", 1e3],
  us: ["nanoseconds", 1e3],
  milliseconds: ["nanoseconds", 1e6],
  millisecond: ["nanoseconds", 1e6],
  ms: ["nanoseconds", 1e6],
  seconds: ["nanoseconds", 1e9],
  second: ["nanoseconds", 1e9],
  s: ["nanoseconds", 1e9],
  bytes: ["bytes", 1],
  byte: ["bytes", 1],
  by: ["bytes", 1],
  kilobytes: ["bytes", 1024],
  kb: ["bytes", 1024],
  megabytes: ["bytes", 1024 * 1024],
  mb: ["bytes", 1024 * 1024],
  "": ["count", 1],
  count: ["count", 1],
  "1": ["count", 1],
};

/** Types whose values are hits of a sampler: a period each. */
const HITS = new Set(["samples", "sample", ""]);
/** What is there at a time, not what came in the course of it. */
const IN_USE = /^(?:inuse_|goroutines?$|threads?$|heap_live)/;
/** Totals since the start of a process. */
const TOTALS = /^threadcreate$/;
const MAX_ID_LENGTH = 64;

/** Says what a profile's values are. Hits of a sampler become what they stand for: `samples` of a `cpu` period are `cpu`. */
export function interpretType(described: DescribedType): InterpretedType {
  const { sampleType, sampleUnit, periodType, periodUnit, period, measured } = described;
  const [unit, scale] = scaled(sampleUnit);
  if (HITS.has(sampleType) && unit === "count" && measured !== true && period > 0 && periodType !== "") {
    const [ofPeriod, periodScale] = scaled(periodUnit);
    return named(periodType, ofPeriod, scale * period * periodScale);
  }
  return named(sampleType === "" ? "samples" : sampleType, unit, scale);
}

function named(type: string, unit: string, scale: number): InterpretedType {
  const id = type
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_")
    .slice(0, MAX_ID_LENGTH);
  const aggregation = TOTALS.test(id) ? "last" : IN_USE.test(id) ? "mean" : "sum";
  return { id, unit, aggregation, scale };
}

function scaled(unit: string): readonly [string, number] {
  return SCALES[unit.toLowerCase()] ?? [unit.slice(0, MAX_ID_LENGTH), 1];
}
