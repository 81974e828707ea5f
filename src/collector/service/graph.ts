import type { Signal } from "#otlp";
import type { Telemetry } from "#telemetry";
import type { BufferPool } from "#wire";
import type { ComponentKind } from "../catalog.ts";
import type { Component, ComponentContext, Consumer, Host } from "../component.ts";
import type { ComponentId } from "../component-id.ts";
import type { Configuration, PipelineConfig } from "../config/configuration.ts";
import { fanOut } from "./fan-out.ts";
import { Guard } from "./guard.ts";

/** What all components of a service are given. */
export interface GraphParts {
  readonly telemetry: Telemetry;
  readonly buffers: BufferPool;
  readonly host: Host;
}

/** One component in its place. */
export interface GraphNode {
  readonly kind: ComponentKind;
  readonly id: ComponentId;
  /** The pipeline, for processors, which have an instance in each. */
  readonly pipeline?: string;
  readonly component: Component;
  /** The border that payloads cross into it; receivers and extensions have none. */
  readonly guard?: Guard;
}

/** The components of a configuration, connected and not started. */
export interface Graph {
  readonly extensions: readonly GraphNode[];
  readonly receivers: readonly GraphNode[];
  /** Front to back, pipeline by pipeline. */
  readonly processors: readonly GraphNode[];
  readonly exporters: readonly GraphNode[];
}

/**
 * Makes and connects the components that pipelines and `service::extensions` name: one exporter and one receiver an id,
 * one processor an id and pipeline. Where several take the same payload, each gets it (see `fanOut`).
 */
export function buildGraph(configuration: Configuration, parts: GraphParts): Graph {
  return new GraphBuilder(configuration, parts).build();
}

class GraphBuilder {
  readonly #configuration: Configuration;
  readonly #parts: GraphParts;
  readonly #exporters = new Map<string, GraphNode>();
  readonly #processors: GraphNode[] = [];

  constructor(configuration: Configuration, parts: GraphParts) {
    this.#configuration = configuration;
    this.#parts = parts;
  }

  build(): Graph {
    const { service } = this.#configuration;
    const extensions = service.extensions.map((name) => this.#extension(name));
    const heads = service.pipelines.map((pipeline) => ({ pipeline, head: this.#pipeline(pipeline) }));
    const named = [...new Set(service.pipelines.flatMap((pipeline) => pipeline.receivers))];
    const receivers = named.map((name) => this.#receiver(name, heads));
    return { extensions, receivers, processors: this.#processors, exporters: [...this.#exporters.values()] };
  }

  /** @returns what takes the pipeline's payloads first */
  #pipeline(pipeline: PipelineConfig): Consumer {
    let next = fanOut(pipeline.exporters.map((name) => this.#exporter(name)));
    const nodes: GraphNode[] = [];
    for (const name of pipeline.processors.toReversed()) {
      const { id, factory, config } = this.#configuration.processors.get(name)!;
      const context = this.#context("processor", id, pipeline.id);
      const component = factory.create(context, config, pipeline.signal, next);
      const guard = new Guard(component, "processor", id, context.telemetry);
      nodes.unshift({ kind: "processor", id, pipeline: pipeline.id, component, guard });
      next = guard;
    }
    this.#processors.push(...nodes);
    return next;
  }

  #exporter(name: string): Consumer {
    let node = this.#exporters.get(name);
    if (!node) {
      const { id, factory, config } = this.#configuration.exporters.get(name)!;
      const context = this.#context("exporter", id);
      const component = factory.create(context, config);
      node = { kind: "exporter", id, component, guard: new Guard(component, "exporter", id, context.telemetry) };
      this.#exporters.set(name, node);
    }
    return node.guard!;
  }

  #receiver(name: string, heads: readonly { pipeline: PipelineConfig; head: Consumer }[]): GraphNode {
    const { id, factory, config } = this.#configuration.receivers.get(name)!;
    const bySignal = new Map<Signal, Consumer[]>();
    for (const { pipeline, head } of heads) {
      if (!pipeline.receivers.includes(name)) continue;
      bySignal.set(pipeline.signal, [...(bySignal.get(pipeline.signal) ?? []), head]);
    }
    const consumers: Partial<Record<Signal, Consumer>> = {};
    for (const [signal, wanted] of bySignal) consumers[signal] = fanOut(wanted);
    const component = factory.create(this.#context("receiver", id), config, consumers);
    return { kind: "receiver", id, component };
  }

  #extension(name: string): GraphNode {
    const { id, factory, config } = this.#configuration.extensions.get(name)!;
    return { kind: "extension", id, component: factory.create(this.#context("extension", id), config) };
  }

  #context(kind: ComponentKind, id: ComponentId, pipeline?: string): ComponentContext {
    const { telemetry, buffers, host } = this.#parts;
    const fields = { kind, component: id.text, ...(pipeline === undefined ? {} : { pipeline }) };
    return { id, telemetry: { ...telemetry, logger: telemetry.logger.child(fields) }, buffers, host };
  }
}
