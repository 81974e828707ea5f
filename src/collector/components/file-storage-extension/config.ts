import {
  boolean,
  defineConfig,
  durationMs,
  FieldProblem,
  integer,
  mapped,
  optional,
  parsed,
  section,
  shown,
  string,
} from "#collector";

/** Where and how a `file_storage` extension keeps its files. */
export interface FileStorageConfig {
  readonly directory: string;
  readonly createDirectory: boolean;
  /** Mode bits of a directory that is made. */
  readonly directoryMode: number;
  /** How long to wait for another process to let go of a file. */
  readonly lockTimeoutMs: number;
  /** Every accepted request reaches the disk before it is answered; without, it survives a crash of the process only. */
  readonly fsync: boolean;
  /** Sets a file aside that cannot be read, and begins a new one. */
  readonly recreate: boolean;
}

/** Keys of upstream's compaction. SQLite reuses and returns free space without being asked, so they change nothing. */
const COMPACTION = section({
  on_start: optional(boolean()),
  on_rebound: optional(boolean()),
  directory: optional(string()),
  max_transaction_size: optional(integer({ min: 0 })),
  cleanup_on_start: optional(boolean()),
  rebound_needed_threshold_mib: optional(integer({ min: 0 })),
  rebound_trigger_threshold_mib: optional(integer({ min: 0 })),
  check_interval: optional(durationMs({ min: 0 })),
});

const octal = parsed((text) => {
  if (!/^0?[0-7]{3}$/.test(text)) throw new FieldProblem(`expected permissions such as "0750", got ${shown(text)}`);
  return Number.parseInt(text, 8);
});

export const fileStorageConfig = defineConfig<FileStorageConfig>(
  mapped(
    section({
      directory: optional(string(), "/var/lib/otelcol/file_storage"),
      create_directory: optional(boolean(), false),
      directory_permissions: optional(octal, 0o750),
      timeout: optional(durationMs({ min: 0 }), 1000),
      fsync: optional(boolean(), false),
      recreate: optional(boolean(), false),
      compaction: optional(COMPACTION),
    }),
    (read) => ({
      directory: read.directory,
      createDirectory: read.create_directory,
      directoryMode: read.directory_permissions,
      lockTimeoutMs: read.timeout,
      fsync: read.fsync,
      recreate: read.recreate,
    }),
  ),
);
