import { boolean, defineConfig, integer, list, mapped, oneOf, optional, section } from "#collector";

export type Verbosity = "basic" | "normal" | "detailed";
export type OutputPath = "stdout" | "stderr";

export interface DebugExporterConfig {
  readonly verbosity: Verbosity;
  /** Requests told each second before sampling begins. */
  readonly samplingInitial: number;
  /** After those every so manieth; 1 tells all, 0 none. */
  readonly samplingThereafter: number;
  /** Through the process's log; else as plain text to `outputPaths`. */
  readonly useInternalLogger: boolean;
  readonly outputPaths: readonly OutputPath[];
}

const DEFAULT_OUTPUT: OutputPath[] = ["stdout"];

export const debugExporterConfig = defineConfig<DebugExporterConfig>(
  mapped(
    section({
      verbosity: optional(oneOf(["basic", "normal", "detailed"]), "basic"),
      sampling_initial: optional(integer({ min: 0 }), 2),
      sampling_thereafter: optional(integer({ min: 0 }), 1),
      use_internal_logger: optional(boolean(), true),
      output_paths: optional(list(oneOf(["stdout", "stderr"])), DEFAULT_OUTPUT),
    }),
    (read) => ({
      verbosity: read.verbosity,
      samplingInitial: read.sampling_initial,
      samplingThereafter: read.sampling_thereafter,
      useInternalLogger: read.use_internal_logger,
      outputPaths: read.output_paths,
    }),
  ),
);
