import type { Signal } from "#otlp";
import type { ComponentKind, FactoryOf } from "../catalog.ts";
import type { ComponentId } from "../component-id.ts";
import type { ConfigProblem } from "./config-error.ts";
import type { ConfigNode } from "./node.ts";
import type { TelemetryConfig } from "./telemetry.ts";

/** A component that the configuration defines, read and checked. */
export interface ComponentConfig<K extends ComponentKind = ComponentKind> {
  readonly id: ComponentId;
  readonly factory: FactoryOf[K];
  /** What the factory's `config` made of the user's YAML. */
  readonly config: unknown;
}

/** One entry of `service::pipelines`. Components are named by the text of the ids that they are defined under. */
export interface PipelineConfig {
  /** As written: `traces` or `traces/name`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** A configuration without problems, ready for `Service`. */
export interface Configuration {
  /** Every component that is defined, used or not, by the text of its id. */
  readonly receivers: ReadonlyMap<string, ComponentConfig<"receiver">>;
  readonly processors: ReadonlyMap<string, ComponentConfig<"processor">>;
  readonly exporters: ReadonlyMap<string, ComponentConfig<"exporter">>;
  readonly extensions: ReadonlyMap<string, ComponentConfig<"extension">>;
  readonly service: {
    /** Those that are switched on, in the order in which they start. */
    readonly extensions: readonly string[];
    readonly pipelines: readonly PipelineConfig[];
    readonly telemetry: TelemetryConfig;
  };
}

/** A configuration as it was loaded, with what is worth knowing beside it. */
export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Suspicious, yet valid. */
  readonly warnings: readonly ConfigProblem[];
  /** Files that it was read from, variables included, and a digest of what stood in each. */
  readonly files: ReadonlyMap<string, string>;
  /** The merged tree without variables, for showing. Holds credentials. */
  readonly tree: ConfigNode;
}
