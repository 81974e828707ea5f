import type { ProfilesModel } from "#otlp";
import type { ParseError } from "#wire";

/** The file formats that profiles are kept in. OTLP itself is not one of them. */
export const FORMAT_NAMES = ["pprof", "folded", "speedscope", "firefox", "perf-script", "cpuprofile", "html"] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** One sample type: what is counted, and in what. */
export interface SampleTypeName {
  readonly type: string;
  readonly unit: string;
}

export interface ReadOptions {
  /** What a compressed file may grow to, in bytes; default 1 GiB. */
  readonly maxInflatedBytes?: number;
  /** What the numbers of a format that doesn't say it are (folded); default `samples`, `count`. */
  readonly sampleType?: SampleTypeName;
}

export interface WriteOptions {
  /** What the file is called where the format has a place for it; default made from the resources. */
  readonly title?: string;
  /**
   * Name of the sample type that formats with a single one show (folded, html); default is what the profiles say, else
   * the first one. Where no profile has it nothing is written.
   */
  readonly sampleType?: string;
  /** Resource attributes become labels (pprof; default false) or the names of profiles (speedscope; default true). */
  readonly resources?: boolean;
  /** pprof: compress; default true, as every reader of pprof expects. */
  readonly gzip?: boolean;
  /** folded: mark frames as `_[k]` kernel, `_[i]` inlined, `_[j]` JIT. Default false. */
  readonly frameTypes?: boolean;
  /** folded, html: keys of attributes (of sample, profile or resource) whose values become the outermost frames. */
  readonly groupBy?: readonly string[];
}

/**
 * One format. Functions are pure: bytes in, a value out. A model that was read may refer to the bytes, which must not
 * change as long as it lives.
 */
export interface Format {
  readonly name: FormatName;
  /** For people, e.g. `pprof (profile.proto)`. */
  readonly title: string;
  /** Endings of file names with the dot, the usual one first. */
  readonly extensions: readonly string[];
  readonly mediaType: string;
  /** Text may go to a terminal. */
  readonly text: boolean;
  /** Absent where podflame only writes the format. Never throws. */
  readonly read?: (bytes: Uint8Array, options?: ReadOptions) => ProfilesModel | ParseError;
  /** Absent where podflame only reads the format. */
  readonly write?: (model: ProfilesModel, options?: WriteOptions) => Uint8Array;
}
