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
  type SectionOutput,
  string,
} from "#collector";
import { checkSettings, type EmbeddedStoreSettings } from "#store";

/** What a user writes under `store`. */
export interface StoreExporterConfig {
  /** What isn't written is left to the store's defaults. */
  readonly settings: EmbeddedStoreSettings;
  /** Keys of pods' labels to remember; may end with `*`. */
  readonly podLabels: readonly string[];
  /** The same of annotations. */
  readonly podAnnotations: readonly string[];
}

const MEBIBYTE = 1024 * 1024;
const positive = integer({ min: 1 });
const mebibytes = mapped(positive, (count) => count * MEBIBYTE);

const tier = section({ age: optional(durationMs({ min: 0 })), bytes: optional(positive) });

const limits = section({
  series: optional(positive),
  label_values: optional(positive),
  labels_per_series: optional(positive),
  label_value_length: optional(positive),
  identity_entries: optional(positive),
  stack_nodes: optional(positive),
  frames: optional(positive),
  names_mib: optional(mebibytes),
  head_samples: optional(positive),
  pending_mib: optional(mebibytes),
  journal_mib: optional(mebibytes),
  query_timeout: optional(durationMs({ min: 0 })),
  query_entries: optional(positive),
  concurrent_queries: optional(positive),
  query_memory_mib: optional(mebibytes),
  compaction_memory_mib: optional(mebibytes),
  min_free_mib: optional(mapped(integer({ min: 0 }), (count) => count * MEBIBYTE)),
});

const keyPattern = string((text) => {
  if (!/^[^*]+\*?$/.test(text)) throw new FieldProblem('expected a key, or the beginning of one and "*"');
});

/** What most call their services and teams. */
const DEFAULT_POD_LABELS = ["app", "app.kubernetes.io/*", "team", "version"];

const entries = {
  directory: string((path) => {
    if (path === "") throw new FieldProblem("must not be empty");
  }),
  durability: optional(oneOf(["fsync", "interval"])),
  fsync_interval: optional(durationMs({ min: 0 })),
  flush_interval: optional(durationMs({ min: 0 })),
  raw_retention: optional(durationMs({ min: 0 })),
  retention: optional(
    section({ "10s": optional(tier), "60s": optional(tier), "5m": optional(tier), bytes: optional(positive) }),
  ),
  limits: optional(limits),
  pod_labels: optional(list(keyPattern), DEFAULT_POD_LABELS),
  pod_annotations: optional(list(keyPattern), []),
};

export const storeExporterConfig = defineConfig<StoreExporterConfig>(
  mapped(
    checked(section(entries, { sending_queue: "the store's journal is the queue; remove the key" }), (read) =>
      checkSettings(settingsOf(read)).map(({ key, problem }): ConfigIssue => ({
        path: YAML_PATHS[key] ?? [],
        message: problem,
      })),
    ),
    (read) => ({ settings: settingsOf(read), podLabels: read.pod_labels, podAnnotations: read.pod_annotations }),
  ),
);

function settingsOf(read: SectionOutput<typeof entries>): EmbeddedStoreSettings {
  const bounds = read.limits;
  const fine = read.retention?.["10s"];
  const minutes = read.retention?.["60s"];
  const coarse = read.retention?.["5m"];
  return {
    directory: read.directory,
    ...given({
      durability: read.durability === undefined ? undefined : DURABILITIES[read.durability],
      fsyncIntervalMs: read.fsync_interval,
      flushIntervalMs: read.flush_interval,
    }),
    retention: given({
      rawMs: read.raw_retention,
      fineMs: fine?.age,
      minutesMs: minutes?.age,
      coarseMs: coarse?.age,
      fineBytes: fine?.bytes,
      minutesBytes: minutes?.bytes,
      coarseBytes: coarse?.bytes,
      totalBytes: read.retention?.bytes,
    }),
    limits: given({
      headSamples: bounds?.head_samples,
      pendingBytes: bounds?.pending_mib,
      journalBytes: bounds?.journal_mib,
      stackNodes: bounds?.stack_nodes,
      frames: bounds?.frames,
      nameBytes: bounds?.names_mib,
      queryMs: bounds?.query_timeout,
      queryEntries: bounds?.query_entries,
      concurrentQueries: bounds?.concurrent_queries,
      engineBytes: bounds?.query_memory_mib,
      compactionBytes: bounds?.compaction_memory_mib,
      minFreeBytes: bounds?.min_free_mib,
    }),
    series: given({
      series: bounds?.series,
      labelValues: bounds?.label_values,
      labelsPerSeries: bounds?.labels_per_series,
      labelValueLength: bounds?.label_value_length,
      identityEntries: bounds?.identity_entries,
    }),
  };
}

const DURABILITIES = { fsync: "fsync", interval: "write" } as const;

/** Where the store's settings stand in the YAML. */
const YAML_PATHS: Readonly<Record<string, readonly string[]>> = {
  directory: ["directory"],
  durability: ["durability"],
  fsyncIntervalMs: ["fsync_interval"],
  flushIntervalMs: ["flush_interval"],
  "retention.rawMs": ["raw_retention"],
  "retention.fineMs": ["retention", "10s", "age"],
  "retention.minutesMs": ["retention", "60s", "age"],
  "retention.coarseMs": ["retention", "5m", "age"],
  "retention.totalBytes": ["retention", "bytes"],
  "limits.headSamples": ["limits", "head_samples"],
  "limits.pendingBytes": ["limits", "pending_mib"],
  "limits.journalBytes": ["limits", "journal_mib"],
  "limits.stackNodes": ["limits", "stack_nodes"],
  "limits.frames": ["limits", "frames"],
  "limits.nameBytes": ["limits", "names_mib"],
  "limits.queryMs": ["limits", "query_timeout"],
  "limits.engineBytes": ["limits", "query_memory_mib"],
  "limits.compactionBytes": ["limits", "compaction_memory_mib"],
};

/** The entries that have a value. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
