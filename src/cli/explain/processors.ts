import {
  type Component,
  type ComponentContext,
  type ComponentId,
  type Configuration,
  type Host,
  type HostKey,
} from "#collector";
import { type Signal, SIGNALS } from "#otlp";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { BufferPool } from "#wire";
import { k8sAttributesProcessor, type K8sAttributesConfig, type K8sIdentityConfig } from "../components.ts";
import { ExitCode, Fault } from "../exit.ts";

/** A `k8s_attributes` processor where it stands in a configuration. */
export interface PlacedProcessor {
  readonly id: string;
  readonly component: ComponentId;
  readonly pipeline: string;
  readonly signal: Signal;
  readonly config: K8sAttributesConfig;
}

/**
 * The `k8s_attributes` processors of one pipeline in their order: of the first that has any, profiles before the other
 * signals, unless a signal is asked for.
 * @throws Fault where there are none
 */
export async function placedProcessors(
  configuration: Configuration,
  wanted: Signal | undefined,
): Promise<readonly PlacedProcessor[]> {
  const placed = await findProcessors(configuration, wanted);
  if (placed.length > 0) return placed;
  const where = wanted === undefined ? "no pipeline" : `no ${wanted} pipeline`;
  throw new Fault(
    ExitCode.USER,
    `${where} of this configuration has a k8s_attributes processor: nothing is named there`,
  );
}

/** As `placedProcessors`; empty where there are none. */
export async function findProcessors(
  { processors, service }: Configuration,
  wanted: Signal | undefined,
): Promise<readonly PlacedProcessor[]> {
  const { k8sAttributesProcessorFactory } = await k8sAttributesProcessor();
  const signals = wanted === undefined ? ["profiles" as const, ...SIGNALS] : [wanted];
  for (const signal of signals) {
    for (const pipeline of service.pipelines) {
      if (pipeline.signal !== signal) continue;
      const placed = pipeline.processors.flatMap((id): PlacedProcessor[] => {
        const component = processors.get(id);
        if (component?.factory !== k8sAttributesProcessorFactory) return [];
        const config = component.config as K8sAttributesConfig;
        return [{ id, component: component.id, pipeline: pipeline.id, signal, config }];
      });
      if (placed.length > 0) return placed;
    }
  }
  return [];
}

/** As long as timers can wait. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** What components share, and what they need, outside of a running collector. */
export class Workbench implements Host, AsyncDisposable {
  readonly #services = new Map<string, { shutdown?(deadline: AbortSignal): Promise<void> }>();
  readonly #telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
  readonly #buffers = new BufferPool();
  readonly #components: Component[] = [];
  /** Components keep no process alive; whoever waits for them here must. */
  readonly #alive = setInterval(() => undefined, LONGEST_INTERVAL_MS);

  service<T>(key: HostKey<T>, create: () => T & { shutdown?(deadline: AbortSignal): Promise<void> }): T {
    let service = this.#services.get(key.name);
    if (service === undefined) this.#services.set(key.name, (service = create()));
    return service as T;
  }

  reportFatal(error: Error): void {
    throw error;
  }

  context(id: ComponentId): ComponentContext {
    return { id, telemetry: this.#telemetry, buffers: this.#buffers, host: this };
  }

  /** Starts the extension that says where pods are learned from, where a configuration has it. */
  async startIdentity({ extensions, service }: Configuration): Promise<void> {
    for (const id of service.extensions) {
      const extension = extensions.get(id);
      if (extension?.factory.type !== "k8s_identity") continue;
      const component = extension.factory.create(this.context(extension.id), {
        ...(extension.config as K8sIdentityConfig),
        // These are the running collector's.
        snapshot: undefined,
        serve: undefined,
      });
      this.#components.push(component);
      await component.start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#alive);
    const deadline = AbortSignal.timeout(1_000);
    for (const component of this.#components) await component.shutdown(deadline);
    for (const service of this.#services.values()) await service.shutdown?.(deadline);
  }
}
