import type { Payload, Signal } from "#otlp";
import type { BufferPool } from "#wire";
import type { Telemetry } from "#telemetry";
import type { ComponentId } from "./component-id.ts";

/** How settled a component is, per signal, in the Collector's words. */
export type Stability = "development" | "alpha" | "beta" | "stable";

/**
 * Takes payloads. The caller holds a reference and releases it once the promise has settled; a consumer that keeps the
 * bytes longer (a queue, a batch) retains. Resolving means: delivered, or accepted by something that answers for it.
 * Rejecting is a `ConsumeError` for what senders should know; anything else is a bug, and the receiver says "try again".
 */
export interface Consumer {
  consume(payload: Payload): Promise<void>;
}

/**
 * What has a lifecycle. `start` returns when the component works (not when it has done its work) and rejects only if
 * it never can. `shutdown` may be called before `start` and twice; it takes nothing new, hands on what it holds, ends
 * its background work and resolves; when `deadline` aborts it gives up the rest and counts it as dropped.
 */
export interface Component {
  start(): Promise<void>;
  shutdown(deadline: AbortSignal): Promise<void>;
}

/** What each instance gets when it is made. */
export interface ComponentContext {
  readonly id: ComponentId;
  /** `logger` carries kind and id already; metrics are bound by the component with its own labels. */
  readonly telemetry: Telemetry;
  /** The process's message buffers. */
  readonly buffers: BufferPool;
  /** Services shared by all pipelines, by key; see `Host`. */
  readonly host: Host;
}

/**
 * What components share within a process. Keys are made with `hostKey<T>()` and found by their name, so that
 * components find each other's services without importing each other.
 */
export interface Host {
  /** The service of that key, made by `create` on the first call. Its `shutdown` runs after all components ended. */
  service<T>(key: HostKey<T>, create: () => T & { shutdown?(deadline: AbortSignal): Promise<void> }): T;
  /** Ends the process's main loop: a component found that it can't go on. Used for lost listeners and the like. */
  reportFatal(error: Error): void;
}

/** A typed key of `Host.service`. Keys of one name are one key, so that components can share without a common module. */
export interface HostKey<T> {
  readonly name: string;
  readonly type?: T;
}

/** Makes a key; `name` says which service it is, and appears in errors. */
export function hostKey<T>(name: string): HostKey<T> {
  return { name };
}

/** What all factories tell. `C` is the typed configuration. */
export interface Factory<C> {
  /** As in YAML, e.g. `k8s_attributes`. */
  readonly type: string;
  /** Other spellings that configurations may use, e.g. `k8sattributes`. */
  readonly aliases?: readonly string[];
  readonly stability: Readonly<Partial<Record<Signal, Stability>>>;
  /** Reads and checks the user's YAML (null where nothing stands behind the id). See `defineConfig`. */
  readonly config: ConfigDefinition<C>;
}

/** How a component reads its configuration; made by `defineConfig` in the component's `config.ts`. */
export interface ConfigDefinition<C> {
  /** Returns the typed configuration, or all problems found. Never throws. */
  parse(input: unknown): { readonly config: C } | { readonly problems: readonly ConfigIssue[] };
}

/** One problem in a configuration, relative to the component's own keys. */
export interface ConfigIssue {
  /** Keys and positions from the component's root to the place. */
  readonly path: readonly (string | number)[];
  /** What is wrong, with the offending value, and the remedy. */
  readonly message: string;
}

export interface ReceiverFactory<C = unknown> extends Factory<C> {
  readonly kind: "receiver";
  /** One instance an id, whatever the number of pipelines; `consumers` has an entry for each signal that is wanted. */
  create(context: ComponentContext, config: C, consumers: Readonly<Partial<Record<Signal, Consumer>>>): Component;
}

export interface ProcessorFactory<C = unknown> extends Factory<C> {
  readonly kind: "processor";
  /** One instance a pipeline. */
  create(context: ComponentContext, config: C, signal: Signal, next: Consumer): Component & Consumer;
}

export interface ExporterFactory<C = unknown> extends Factory<C> {
  readonly kind: "exporter";
  /** One instance an id, whatever the number of pipelines and signals. */
  create(context: ComponentContext, config: C): Component & Consumer;
}

export interface ExtensionFactory<C = unknown> extends Factory<C> {
  readonly kind: "extension";
  create(context: ComponentContext, config: C): Component;
}

export type AnyFactory = ReceiverFactory | ProcessorFactory | ExporterFactory | ExtensionFactory;
