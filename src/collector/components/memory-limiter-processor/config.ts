import { checked, type ConfigIssue, defineConfig, durationMs, integer, mapped, optional, section } from "#collector";

/** A limit in bytes, or as a part of the memory that the process may have. */
export type Limit = { readonly bytes: number } | { readonly percent: number };

export interface MemoryLimiterConfig {
  readonly checkIntervalMs: number;
  /** Above it memory is collected, where that can be forced. */
  readonly hard: Limit;
  /** How far below the hard limit requests begin to be refused. */
  readonly spike: Limit;
  /** Between two forced collections below and above the hard limit. */
  readonly softGcIntervalMs: number;
  readonly hardGcIntervalMs: number;
}

const MIB = 1024 * 1024;
/** Part of the hard limit that is kept free where the user says nothing. */
const DEFAULT_SPIKE = 0.2;

const entries = {
  check_interval: optional(durationMs({ min: 0 }), 0),
  limit_mib: optional(integer({ min: 0 }), 0),
  spike_limit_mib: optional(integer({ min: 0 }), 0),
  limit_percentage: optional(integer({ min: 0, max: 100 }), 0),
  spike_limit_percentage: optional(integer({ min: 0, max: 100 }), 0),
  min_gc_interval_when_soft_limited: optional(durationMs({ min: 0 }), 10_000),
  min_gc_interval_when_hard_limited: optional(durationMs({ min: 0 }), 0),
};

export const memoryLimiterConfig = defineConfig<MemoryLimiterConfig>(
  mapped(checked(section(entries), problems), (read) => ({
    checkIntervalMs: read.check_interval,
    ...limits(read),
    softGcIntervalMs: read.min_gc_interval_when_soft_limited,
    hardGcIntervalMs: read.min_gc_interval_when_hard_limited,
  })),
);

interface Limits {
  readonly limit_mib: number;
  readonly spike_limit_mib: number;
  readonly limit_percentage: number;
  readonly spike_limit_percentage: number;
}

/** `limit_mib` wins over the percentages, as upstream. */
function limits(read: Limits): Pick<MemoryLimiterConfig, "hard" | "spike"> {
  if (read.limit_mib > 0) {
    const spikeMib = read.spike_limit_mib || read.limit_mib * DEFAULT_SPIKE;
    return { hard: { bytes: read.limit_mib * MIB }, spike: { bytes: spikeMib * MIB } };
  }
  const percent = read.spike_limit_percentage || read.limit_percentage * DEFAULT_SPIKE;
  return { hard: { percent: read.limit_percentage }, spike: { percent } };
}

function problems(read: Limits & { readonly check_interval: number }): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const issue = (key: string, message: string): void => void issues.push({ path: [key], message });
  if (read.check_interval === 0) issue("check_interval", "must be greater than zero; 1s is a good value");
  if (read.limit_mib === 0 && read.limit_percentage === 0) {
    issue("limit_mib", "is missing: give limit_mib, or limit_percentage of the memory that there is");
  }
  if (read.limit_mib > 0 && read.spike_limit_mib >= read.limit_mib) {
    issue("spike_limit_mib", `must be less than limit_mib (${read.limit_mib}), got ${read.spike_limit_mib}`);
  }
  if (read.limit_percentage > 0 && read.spike_limit_percentage >= read.limit_percentage) {
    const { limit_percentage: limit, spike_limit_percentage: spike } = read;
    issue("spike_limit_percentage", `must be less than limit_percentage (${limit}), got ${spike}`);
  }
  return issues;
}
