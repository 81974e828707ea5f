import type { FlameMeasure } from "./flame-tree.ts";

const TIME_STEPS = [
  [3600e9, "h"],
  [60e9, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
] as const;
const BYTE_STEPS = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
] as const;
/** Nanoseconds in the units that profiles measure time in. */
const NANOSECONDS: Readonly<Record<string, number>> = {
  nanoseconds: 1,
  ns: 1,
  microseconds: 1e3,
  us: 1e3,
  milliseconds: 1e6,
  ms: 1e6,
  seconds: 1e9,
  s: 1e9,
};

/** A value for people, e.g. `1.25 s`, `3.40 MiB`, `1,234 samples`. Three digits that count. */
export function formatValue(value: number, unit: string): string {
  const nanoseconds = NANOSECONDS[unit];
  if (nanoseconds !== undefined) return stepped(value * nanoseconds, TIME_STEPS);
  if (unit === "bytes" || unit === "By") return stepped(value, BYTE_STEPS);
  const number = Math.abs(value) >= 1e9 ? value.toPrecision(4) : grouped(value);
  return unit === "count" || unit === "" ? number : `${number} ${unit}`;
}

/** A part of a whole, e.g. `12.3 %`; what is there but rounds to nothing is `<0.01 %`, and 0 is `0 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || Number.isNaN(percent)) return "0 %";
  if (Math.abs(percent) < 0.01) return percent < 0 ? ">-0.01 %" : "<0.01 %";
  return `${percent.toFixed(Math.abs(percent) < 1 ? 2 : 1)} %`;
}

/** Average CPUs that a value is; undefined where the measure is no CPU time. */
export function coresOf(measure: FlameMeasure, value: number, other = false): number | undefined {
  const coveredMs = other ? measure.otherCoveredMs : measure.coveredMs;
  const nanoseconds = NANOSECONDS[measure.unit];
  if (coveredMs === undefined || coveredMs <= 0 || nanoseconds === undefined) return undefined;
  return (value * nanoseconds) / (coveredMs * 1e6);
}

/** E.g. `1.25 cores`, `0.04 cores`. */
export function formatCores(cores: number): string {
  return `${digits(cores)} cores`;
}

function stepped(value: number, steps: readonly (readonly [number, string])[]): string {
  if (value === 0) return `0 ${steps.at(-1)![1]}`;
  const [size, name] = steps.find(([step]) => Math.abs(value) >= step) ?? steps.at(-1)!;
  return `${digits(value / size)} ${name}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1 || size === 0) return value.toFixed(2);
  return size >= 0.01 ? value.toFixed(3) : value.toPrecision(2);
}

function grouped(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en-US") : digits(value);
}
