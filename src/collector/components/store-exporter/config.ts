import {
  checked,
  type ConfigIssue,
  defineConfig,
  durationMs,
  FieldProblem,
  integer,
  list,
  mapped,
  oneOf,
  optional,
  section,
  string,
} from "#collector";

/** How long and how much of one resolution is kept. Undefined where the store's default holds. */
export interface TierRetention {
  readonly ageMs: number | undefined;
  readonly bytes: number | undefined;
}

/** What a user writes under `store`. Undefined where the store's own default holds. */
export interface StoreExporterConfig {
  readonly directory: string;
  /** `fsync`: an answer waits until the request is on the disk. `interval`: until the process's end can't lose it. */
  readonly durability: "fsync" | "interval";
  readonly fsyncIntervalMs: number;
  readonly rawRetentionMs: number | undefined;
  /** By tier. */
  readonly retention: Readonly<Record<TierName, TierRetention>>;
  readonly limits: {
    readonly series: number | undefined;
    readonly labelValues: number | undefined;
    readonly labelsPerSeries: number | undefined;
    readonly identityEntries: number | undefined;
    readonly queryMemoryBytes: number | undefined;
    readonly queryTimeoutMs: number | undefined;
  };
  /** Keys of pods' labels to remember; may end with `*`. */
  readonly podLabels: readonly string[];
  /** The same of annotations. */
  readonly podAnnotations: readonly string[];
}

/** Resolutions that sums are kept in. */
export const TIER_NAMES = ["10s", "60s", "5m"] as const;
export type TierName = (typeof TIER_NAMES)[number];

const MINUTE_MS = 60_000;
const MEBIBYTE = 1024 * 1024;

const tier = mapped(
  section({ age: optional(durationMs({ min: MINUTE_MS })), bytes: optional(integer({ min: 1 })) }),
  ({ age, bytes }): TierRetention => ({ ageMs: age, bytes }),
);
const DEFAULT_TIER: TierRetention = { ageMs: undefined, bytes: undefined };

const limits = section({
  series: optional(integer({ min: 1 })),
  label_values: optional(integer({ min: 1 })),
  labels_per_series: optional(integer({ min: 1 })),
  identity_entries: optional(integer({ min: 1 })),
  query_memory_mib: optional(integer({ min: 16 })),
  query_timeout: optional(durationMs({ min: 100 })),
});

const keyPattern = string((text) => {
  if (!/^[^*]*\*?$/.test(text) || text === "")
    throw new FieldProblem('expected a key, or the beginning of one and "*"');
});

const DEFAULT_POD_LABELS = ["app", "app.kubernetes.io/*", "team", "version"];

export const storeExporterConfig = defineConfig<StoreExporterConfig>(
  mapped(
    checked(
      section(
        {
          directory: string((path) => {
            if (path === "") throw new FieldProblem("must not be empty");
          }),
          durability: optional(oneOf(["fsync", "interval"]), "interval"),
          fsync_interval: optional(durationMs({ min: 1, max: MINUTE_MS }), 1000),
          raw_retention: optional(durationMs({ min: 0 })),
          retention: optional(section({ "10s": optional(tier), "60s": optional(tier), "5m": optional(tier) })),
          limits: optional(limits),
          pod_labels: optional(list(keyPattern), DEFAULT_POD_LABELS),
          pod_annotations: optional(list(keyPattern), []),
        },
        { sending_queue: "the store's journal is the queue; remove the key" },
      ),
      ({ retention }) => retentionProblems(retention),
    ),
    (read) => ({
      directory: read.directory,
      durability: read.durability,
      fsyncIntervalMs: read.fsync_interval,
      rawRetentionMs: read.raw_retention,
      retention: {
        "10s": read.retention?.["10s"] ?? DEFAULT_TIER,
        "60s": read.retention?.["60s"] ?? DEFAULT_TIER,
        "5m": read.retention?.["5m"] ?? DEFAULT_TIER,
      },
      limits: {
        series: read.limits?.series,
        labelValues: read.limits?.label_values,
        labelsPerSeries: read.limits?.labels_per_series,
        identityEntries: read.limits?.identity_entries,
        queryMemoryBytes:
          read.limits?.query_memory_mib === undefined ? undefined : read.limits.query_memory_mib * MEBIBYTE,
        queryTimeoutMs: read.limits?.query_timeout,
      },
      podLabels: read.pod_labels,
      podAnnotations: read.pod_annotations,
    }),
  ),
);

/** Coarser sums that end before finer ones would be of no use. */
function retentionProblems(
  retention: Readonly<Partial<Record<TierName, TierRetention | undefined>>> | undefined,
): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  let finer: { name: TierName; ageMs: number } | undefined;
  for (const name of TIER_NAMES) {
    const ageMs = retention?.[name]?.ageMs;
    if (ageMs === undefined) continue;
    if (finer !== undefined && ageMs < finer.ageMs) {
      const message = `must be at least as long as that of ${finer.name}, which is finer`;
      issues.push({ path: ["retention", name, "age"], message });
    }
    finer = { name, ageMs };
  }
  return issues;
}
