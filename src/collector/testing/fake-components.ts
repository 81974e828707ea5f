/**
 * Components that do nothing but tell what happens to them: for tests of configurations, graphs and services, which
 * must not depend on the real ones.
 */
import { SIGNALS, type Payload, type Signal } from "#otlp";
import { ComponentCatalog, type CatalogEntry, type ComponentKind } from "../catalog.ts";
import type { AnyFactory, Component, ComponentContext, Consumer, Stability } from "../component.ts";
import {
  boolean,
  defineConfig,
  durationMs,
  integer,
  list,
  oneOf,
  optional,
  presence,
  record,
  secret,
  section,
  string,
  type Field,
} from "../config/fields.ts";

/** What fake components report to, and what they obey. */
export class FakeWorld {
  /** `start exporter debug`, `shutdown receiver otlp`, `consume processor batch traces`, in order. */
  readonly events: string[] = [];
  /** Ids whose `start` rejects with the error. */
  readonly failToStart = new Map<string, Error>();
  /** Called by processors and exporters with each payload; throw to refuse. */
  onConsume: (who: string, payload: Payload) => void | Promise<void> = () => undefined;
  /** Called by each `shutdown`. */
  onShutdown: (who: string, deadline: AbortSignal) => void | Promise<void> = () => undefined;
  /** What receivers were given, by id and signal. */
  readonly intake = new Map<string, Partial<Record<Signal, Consumer>>>();
  /** Contexts by `kind id`. */
  readonly contexts = new Map<string, ComponentContext>();

  /** A catalog of these components. */
  readonly catalog: ComponentCatalog = new ComponentCatalog(SHAPES.map((shape) => this.#entry(shape)));

  #entry(shape: Shape): CatalogEntry {
    const { kind, type, aliases = [] } = shape;
    return { kind, type, aliases, load: () => Promise.resolve(this.#factory(shape)) };
  }

  #factory({ kind, type, aliases = [], config, signals = SIGNALS }: Shape): AnyFactory {
    const stability = Object.fromEntries(signals.map((signal) => [signal, "beta" as Stability]));
    const base = { type, aliases, stability, config: defineConfig(config) };
    const make = (context: ComponentContext, next?: Consumer): Component & Consumer => {
      this.contexts.set(`${kind} ${context.id.text}`, context);
      return new FakeComponent(this, `${kind} ${context.id.text}`, context.id.text, next);
    };
    switch (kind) {
      case "receiver":
        return {
          ...base,
          kind,
          create: (context, _config, consumers) => {
            this.intake.set(context.id.text, consumers);
            return make(context);
          },
        };
      case "processor":
        return { ...base, kind, create: (context, _config, _signal, next) => make(context, next) };
      case "exporter":
      case "extension":
        return { ...base, kind, create: (context) => make(context) };
    }
  }
}

class FakeComponent implements Component, Consumer {
  readonly #world: FakeWorld;
  readonly #name: string;
  readonly #id: string;
  readonly #next: Consumer | undefined;

  constructor(world: FakeWorld, name: string, id: string, next: Consumer | undefined) {
    this.#world = world;
    this.#name = name;
    this.#id = id;
    this.#next = next;
  }

  async start(): Promise<void> {
    const failure = this.#world.failToStart.get(this.#id);
    if (failure) throw failure;
    this.#world.events.push(`start ${this.#name}`);
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    this.#world.events.push(`shutdown ${this.#name}`);
    await this.#world.onShutdown(this.#name, deadline);
  }

  async consume(payload: Payload): Promise<void> {
    this.#world.events.push(`consume ${this.#name} ${payload.signal}`);
    await this.#world.onConsume(this.#name, payload);
    await this.#next?.consume(payload);
  }
}

interface Shape {
  readonly kind: ComponentKind;
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly signals?: readonly Signal[];
  readonly config: Field<unknown>;
}

const endpoint = (fallback: string): Field<unknown> => section({ endpoint: optional(string(), fallback) });

/** Like the real ones from afar. */
const SHAPES: readonly Shape[] = [
  {
    kind: "receiver",
    type: "otlp",
    config: section({
      protocols: optional(
        section({ grpc: presence(endpoint("127.0.0.1:4317")), http: presence(endpoint("127.0.0.1:4318")) }),
      ),
    }),
  },
  {
    kind: "processor",
    type: "k8s_attributes",
    aliases: ["k8sattributes"],
    config: section({ auth_type: optional(oneOf(["serviceAccount", "kubeConfig", "none"]), "serviceAccount") }),
  },
  {
    kind: "processor",
    type: "batch",
    config: section({ timeout: optional(durationMs({ min: 0 }), 200), send_batch_size: optional(integer(), 8192) }),
  },
  {
    kind: "exporter",
    type: "otlp_grpc",
    aliases: ["otlp"],
    config: section({
      endpoint: string(),
      headers: optional(record(secret()), {}),
      tls: optional(section({ insecure: optional(boolean(), false) })),
      password: optional(secret()),
    }),
  },
  {
    kind: "exporter",
    type: "debug",
    config: section({
      verbosity: optional(oneOf(["basic", "normal", "detailed"]), "basic"),
      output_paths: optional(list(string()), ["stdout"]),
    }),
  },
  { kind: "exporter", type: "only_logs", signals: ["logs"], config: section({}) },
  { kind: "extension", type: "health_check", signals: [], config: endpoint("127.0.0.1:13133") },
];
