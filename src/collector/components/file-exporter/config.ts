import {
  boolean,
  checked,
  type ConfigIssue,
  defineConfig,
  durationMs,
  FieldProblem,
  integer,
  mapped,
  oneOf,
  optional,
  parsed,
  presence,
  section,
  shown,
  string,
} from "#collector";

/** When a file is set aside, and which of those are kept. */
export interface RotationSettings {
  readonly maxBytes: number;
  /** 0 keeps them whatever their age. */
  readonly maxDays: number;
  /** 0 keeps them whatever their number. */
  readonly maxBackups: number;
  /** The time in names is that of the machine; else UTC. */
  readonly localTime: boolean;
}

export interface FileExporterConfig {
  readonly path: string;
  readonly format: "json" | "proto";
  readonly compression: "none" | "zstd";
  /** Absent: one file that grows. */
  readonly rotation: RotationSettings | undefined;
  /** Go on in a file that is there; else it is emptied at the start. */
  readonly append: boolean;
  readonly createDirectory: boolean;
  readonly directoryMode: number;
}

/** As lumberjack, which upstream rotates with, counts them. */
const MEGABYTE = 1024 * 1024;

const ROTATION = mapped(
  section({
    max_megabytes: optional(integer({ min: 1 }), 100),
    max_days: optional(integer({ min: 0 }), 0),
    max_backups: optional(integer({ min: 0 }), 100),
    localtime: optional(boolean(), false),
  }),
  (read): RotationSettings => ({
    maxBytes: read.max_megabytes * MEGABYTE,
    maxDays: read.max_days,
    maxBackups: read.max_backups,
    localTime: read.localtime,
  }),
);

const octal = parsed((text) => {
  if (!/^0?[0-7]{3}$/.test(text)) throw new FieldProblem(`expected permissions such as "0755", got ${shown(text)}`);
  return Number.parseInt(text, 8);
});

const compression = parsed((text) => {
  if (text === "" || text === "none") return "none";
  if (text !== "zstd") throw new FieldProblem(`expected zstd or none, got ${shown(text)}`);
  return text;
});

export const fileExporterConfig = defineConfig<FileExporterConfig>(
  mapped(
    checked(
      section(
        {
          path: string((path) => {
            if (path === "") throw new FieldProblem("must not be empty");
          }),
          format: optional(oneOf(["json", "proto"]), "json"),
          compression: optional(compression, "none"),
          rotation: presence(ROTATION),
          append: optional(boolean(), false),
          // Requests are written as they come, so there is nothing to flush.
          flush_interval: optional(durationMs({ min: 0 })),
          create_directory: optional(boolean(), false),
          directory_permissions: optional(octal, 0o755),
        },
        {
          group_by: `"group_by" is not supported yet; remove it`,
          encoding: `"encoding" is not supported yet; use format: json or proto`,
        },
      ),
      ({ append, rotation, compression: compressed }) =>
        appendProblems(append, rotation !== undefined, compressed === "zstd"),
    ),
    (read) => ({
      path: read.path,
      format: read.format,
      compression: read.compression,
      rotation: read.rotation,
      append: read.append,
      createDirectory: read.create_directory,
      directoryMode: read.directory_permissions,
    }),
  ),
);

/** Refused upstream, too. */
function appendProblems(append: boolean, rotates: boolean, compresses: boolean): ConfigIssue[] {
  if (!append) return [];
  const issues: ConfigIssue[] = [];
  if (rotates) issues.push({ path: ["append"], message: "cannot be combined with rotation, which appends anyway" });
  if (compresses) issues.push({ path: ["append"], message: "cannot be combined with compression" });
  return issues;
}
