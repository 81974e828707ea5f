import { MetricRegistry, type Clock, type Logger, type Timer } from "#telemetry";
import type { BufferPool } from "#wire";
import type { Configuration } from "../config/configuration.ts";
import { errorFrom } from "../errors.ts";
import { ITEM_NAMES } from "../sending/metrics.ts";
import { DEBUG_PAGES, type DebugPages } from "./debug-pages.ts";
import { buildGraph, type Graph, type GraphNode } from "./graph.ts";
import { ServiceHost } from "./host.ts";
import { MetricsServer } from "./metrics-server.ts";
import { observeProcess } from "./process-metrics.ts";
import { FEATURE_GATES, type FeatureGates } from "../feature-gates.ts";
import { SERVICE_STATUS, type ServiceState, type ServiceStatus } from "./status.ts";

/** What a service needs beside its configuration. */
export interface ServiceParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly buffers: BufferPool;
  /** Hears of what a component can't live with. */
  readonly onFatal: (error: Error) => void;
  /** The Collector's feature gates that were given. Default: none. */
  readonly featureGates?: FeatureGates;
}

/** A component, or the metrics endpoint, that didn't start. What had been started is stopped again. */
export class StartError extends Error {
  constructor(message: string, options: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
  }
}

/** What a shutdown left undone. */
export interface ShutdownReport {
  /** Components that failed to end, or not in time. */
  readonly unfinished: readonly string[];
  /** Payloads that were under way between components and got no answer. */
  readonly undelivered: number;
  /** Spans, data points, log records and samples that exporters had taken and gave up while draining. */
  readonly lostItems: number;
}

/** How long a component may go on after the deadline told it to give up. */
const GIVE_UP_MS = 1000;
/** For stopping what had been started when something else fails to start. */
const ABANDON_MS = 5000;

class Status implements ServiceStatus {
  state: ServiceState = "starting";
  readySinceMs: number | undefined;
}

/** A configuration at work: its components, their shared services and the metrics endpoint. Runs once. */
export class Service {
  readonly metrics = new MetricRegistry();
  readonly #parts: ServiceParts;
  readonly #host: ServiceHost;
  readonly #graph: Graph;
  readonly #servers: readonly MetricsServer[];
  readonly #status = new Status();

  /** Makes all components; none is started. */
  constructor(configuration: Configuration, parts: ServiceParts) {
    this.#parts = parts;
    this.#host = new ServiceHost(parts.onFatal);
    this.#host.service(SERVICE_STATUS, () => this.#status);
    const pages = this.#host.service<DebugPages>(DEBUG_PAGES, () => new Map());
    this.#host.service(FEATURE_GATES, () => parts.featureGates ?? new Map<string, boolean>());
    const { telemetry } = configuration.service;
    this.#graph = buildGraph(configuration, {
      telemetry: { logger: parts.logger, metrics: this.metrics, clock: parts.clock },
      buffers: parts.buffers,
      host: this.#host,
    });
    observeProcess(this.metrics, parts.buffers);
    this.metrics.gauge("target_info", { help: "Attributes of this process." }, targetLabels(telemetry.resource)).set(1);
    this.#servers = telemetry.metrics.endpoints.map((endpoint) => new MetricsServer(endpoint, this.metrics, pages));
  }

  /** The port of the first metrics endpoint, once started. */
  get metricsPort(): number | undefined {
    return this.#servers[0]?.port;
  }

  /**
   * Starts what is further down first, so that nobody hands on to something that isn't there yet.
   * @throws StartError
   */
  async start(): Promise<void> {
    const { extensions, exporters, processors, receivers } = this.#graph;
    const begun: GraphNode[] = [];
    try {
      for (const server of this.#servers) await server.listen();
    } catch (caught) {
      await this.#abandon(begun);
      throw new StartError(errorFrom(caught).message, { cause: caught });
    }
    for (const node of [...extensions, ...exporters, ...processors.toReversed(), ...receivers]) {
      begun.push(node);
      try {
        await node.component.start();
      } catch (caught) {
        await this.#abandon(begun);
        throw new StartError(`${nameOf(node)} can't start: ${errorFrom(caught).message}`, { cause: caught });
      }
    }
    this.#status.readySinceMs = this.#parts.clock.nowMs();
    this.#status.state = "ready";
  }

  /**
   * Ends intake first, then lets what is under way drain: receivers, processors front to back, exporters, extensions,
   * shared services. Never rejects; what didn't end is in the report and in the log.
   */
  async shutdown(deadlineMs: number): Promise<ShutdownReport> {
    this.#status.state = "stopping";
    const lostBefore = this.#lostItems();
    const { extensions, exporters, processors, receivers } = this.#graph;
    const stopping = new Stopping(this.#parts, deadlineMs);
    await Promise.all(receivers.map((node) => stopping.end(nameOf(node), node.component)));
    for (const node of processors) await stopping.end(nameOf(node), node.component);
    await Promise.all(exporters.map((node) => stopping.end(nameOf(node), node.component)));
    for (const node of extensions.toReversed()) await stopping.end(nameOf(node), node.component);
    for (const service of this.#host.closing) await stopping.end(service.name, service);
    for (const server of this.#servers) await server.close();
    stopping.done();
    const lostItems = this.#lostItems() - lostBefore;
    return { unfinished: stopping.unfinished, undelivered: this.#undelivered(), lostItems };
  }

  #lostItems(): number {
    let lost = 0;
    for (const items of Object.values(ITEM_NAMES)) {
      lost += this.metrics.value(`otelcol_exporter_send_failed_${items}`) ?? 0;
    }
    return lost;
  }

  #undelivered(): number {
    let undelivered = 0;
    for (const node of this.#graph.exporters) {
      const inFlight = node.guard?.inFlight ?? 0;
      if (inFlight === 0) continue;
      undelivered += inFlight;
      this.#parts.logger.warn(`${nameOf(node)} ended with requests not answered`, { requests: inFlight });
    }
    return undelivered;
  }

  async #abandon(begun: readonly GraphNode[]): Promise<void> {
    const stopping = new Stopping(this.#parts, ABANDON_MS);
    for (const node of begun.toReversed()) await stopping.end(nameOf(node), node.component);
    for (const service of this.#host.closing) await stopping.end(service.name, service);
    for (const server of this.#servers) await server.close();
    stopping.done();
  }
}

/** Ends components under one deadline, and keeps those that didn't. */
class Stopping {
  readonly unfinished: string[] = [];
  readonly #parts: ServiceParts;
  readonly #deadline = new AbortController();
  readonly #timer: Timer;

  constructor(parts: ServiceParts, deadlineMs: number) {
    this.#parts = parts;
    const passed = (): void => this.#deadline.abort(new Error(`deadline of ${deadlineMs} ms passed`));
    this.#timer = parts.clock.timer(deadlineMs, passed);
  }

  async end(name: string, component: { shutdown(deadline: AbortSignal): Promise<void> }): Promise<void> {
    const overdue = new Overdue(this.#deadline.signal, this.#parts.clock);
    try {
      const ended = await Promise.race([component.shutdown(this.#deadline.signal).then(() => true), overdue.reached]);
      if (ended) return;
      this.#parts.logger.error(`${name} didn't end in time and is left behind`);
    } catch (caught) {
      const error = errorFrom(caught);
      this.#parts.logger.error(`${name} failed to end`, { error, stack: error.stack });
    } finally {
      overdue.cancel();
    }
    this.unfinished.push(name);
  }

  done(): void {
    this.#timer.cancel();
  }
}

/** The moment when a component has had time to give up: counted from the deadline, or from now if that is past. */
class Overdue {
  readonly reached: Promise<false>;
  readonly #deadline: AbortSignal;
  readonly #begin: () => void;
  #timer: Timer | undefined;

  constructor(deadline: AbortSignal, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<false>();
    this.reached = promise;
    this.#deadline = deadline;
    this.#begin = () => (this.#timer = clock.timer(GIVE_UP_MS, () => resolve(false)));
    if (deadline.aborted) this.#begin();
    else deadline.addEventListener("abort", this.#begin, { once: true });
  }

  cancel(): void {
    this.#deadline.removeEventListener("abort", this.#begin);
    this.#timer?.cancel();
  }
}

function nameOf({ kind, id, pipeline }: GraphNode): string {
  return `${kind} ${id.text}` + (pipeline === undefined ? "" : ` of pipeline ${pipeline}`);
}

/** Attribute names as Prometheus spells labels. */
function targetLabels(resource: Readonly<Record<string, string>>): Record<string, string> {
  const given = Object.entries({ "service.name": "podflame", ...resource }).filter(([, value]) => value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name.replaceAll(/[^a-zA-Z0-9_]/g, "_"), value]));
}
