/**
 * Numbers as people read them: cores, seconds, percent, bytes. Three significant digits, a narrow no-break space before
 * the unit, zero is said as zero, and what is too small for the digits says so.
 */

const SPACE = "\u202f";

/** 0…1 as percent. `0 %` only for exactly zero. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return `–`;
  const percent = share * 100;
  if (percent === 0) return `0${SPACE}%`;
  const size = Math.abs(percent);
  if (size < 0.01) return `${percent < 0 ? ">−" : "<"}0.01${SPACE}%`;
  return `${signed(percent, size >= 99.95 ? 0 : size >= 10 ? 1 : 2)}${SPACE}%`;
}

/** Average CPUs in use, e.g. `1.24 cores`. */
export function formatCores(cores: number): string {
  return `${formatCoresBare(cores)}${SPACE}${Math.abs(cores) === 1 ? "core" : "cores"}`;
}

/** Cores for a column that says so in its heading. */
export function formatCoresBare(cores: number): string {
  const size = Math.abs(cores);
  if (size === 0) return "0";
  if (size < 0.001) return "<0.001";
  return signed(cores, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A value in the unit of its profile type. */
export function formatValue(value: number, unit: string): string {
  const nanoseconds = nanosecondsIn(unit);
  if (nanoseconds !== undefined) return formatSeconds((value * nanoseconds) / 1e9);
  if (unit === "bytes" || unit === "By") return formatBytes(value);
  return unit === "" || unit === "count" ? formatCount(value) : `${formatCount(value)}${SPACE}${unit}`;
}

/** Nanoseconds that one of a unit is; undefined where it is no time. */
export function nanosecondsIn(unit: string): number | undefined {
  return Object.hasOwn(NANOSECONDS, unit) ? NANOSECONDS[unit] : undefined;
}

/** Units of time that profiles come in. */
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

/** Time that was used, from `12 µs` to `3.4 d`. */
export function formatSeconds(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return `0${SPACE}s`;
  for (const [unit, length, least] of DURATIONS) {
    if (size >= least) return `${digits(seconds / length)}${SPACE}${unit}`;
  }
  return `${digits(seconds * 1e9)}${SPACE}ns`;
}

/** Unit, its length in seconds, and the least time that is said in it. */
const DURATIONS: readonly (readonly [string, number, number])[] = [
  ["d", 86_400, 2 * 86_400],
  ["h", 3600, 2 * 3600],
  ["min", 60, 2 * 60],
  ["s", 1, 1],
  ["ms", 1e-3, 1e-3],
  ["µs", 1e-6, 1e-6],
];

/** Binary prefixes, as memory is counted. */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  for (const [power, unit] of ["TiB", "GiB", "MiB", "KiB"].entries()) {
    const length = 1024 ** (4 - power);
    if (size >= length) return `${digits(bytes / length)}${SPACE}${unit}`;
  }
  return `${Math.round(bytes)}${SPACE}B`;
}

/** `12,345`, and from ten million on `12.3 M`. */
export function formatCount(count: number): string {
  const size = Math.abs(count);
  for (const [unit, length] of [
    ["G", 1e9],
    ["M", 1e6],
  ] as const) {
    if (size >= 10 * length) return `${digits(count / length)}${SPACE}${unit}`;
  }
  return count.toLocaleString("en", { maximumFractionDigits: size < 10 ? 2 : 0 }).replace("-", "−");
}

/** Word for so many: `1 frame`, `2,400 frames`. */
export function formatNumberOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  return signed(value, size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2);
}

/** With a real minus sign, and without zeros that say nothing. */
function signed(value: number, decimals: number): string {
  return value.toFixed(decimals).replace("-", "−");
}
