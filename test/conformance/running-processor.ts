import type { Component, Consumer, Host, HostKey } from "#collector";
import { IdentityHub, type OpenSource, type SourceSinks, type Wanted } from "#identity";
import type { MetadataObject, ObjectKind, PodObject, ReflectorSink } from "#kubernetes";
import { INTERNAL_ORIGIN, Payload, type Signal } from "#otlp";
import { type Clock, createLogger, ManualClock, MetricRegistry } from "#telemetry";
import { BufferPool, MessageBuffer } from "#wire";
import { k8sAttributesProcessorFactory } from "../../src/collector/components/k8s-attributes-processor/index.ts";
import {
  decodeAttributes,
  encodeRequest,
  type TestAttributes,
} from "../../src/collector/components/k8s-attributes-processor/processor-fixture.ts";
import { MetadataDecoder } from "../../src/kubernetes/decoding/metadata-decoder.ts";
import type { ObjectDecoder } from "../../src/kubernetes/decoding/object-decoder.ts";
import { PodDecoder } from "../../src/kubernetes/decoding/pod-decoder.ts";
import type { AttributesText, ObjectText } from "./row.ts";

/** What is given to a processor's factory; see `Case` for the meaning of the parts. */
export interface ProcessorPlan {
  readonly config: unknown;
  readonly signal: Signal;
  readonly gates: Readonly<Record<string, boolean>>;
  readonly source: "test" | "never" | "api";
  /** Listed as soon as the source is opened. */
  readonly objects: readonly ObjectText[];
  /** A clock of the test's own by default. */
  readonly clock?: Clock;
}

/** Time that a start may take at most. */
const START_MS = 120_000;

/**
 * The real processor, made by its factory from YAML, fed by objects as the API server writes them in JSON, and by
 * requests as bytes.
 */
export class RunningProcessor implements AsyncDisposable {
  readonly metrics = new MetricRegistry();
  readonly clock = new ManualClock();
  readonly logged: string[] = [];
  readonly #signal: Signal;
  readonly #waits: boolean;
  readonly #buffers = new BufferPool();
  readonly #hub: IdentityHub;
  readonly #processor: Component & Consumer;
  #source: TestSource | undefined;
  #out: Uint8Array = new Uint8Array();

  /** Throws with all problems where the configuration has some. */
  constructor({ config: section, signal, gates, source, objects, clock }: ProcessorPlan) {
    this.#signal = signal;
    this.#waits = source === "never";
    const write = (line: string): void => void this.logged.push(line);
    const telemetry = {
      clock: clock ?? this.clock,
      metrics: this.metrics,
      logger: createLogger({ level: "info", encoding: "json", write }),
    };
    const open: OpenSource = (_, wanted, sinks) => {
      const test = (this.#source = new TestSource(wanted, sinks));
      if (source === "test") test.list(objects);
      const state = { from: "the test", synced: source === "test", lastError: "403 Forbidden" };
      return Promise.resolve({ state: () => state, stop: () => Promise.resolve() });
    };
    this.#hub = new IdentityHub({ telemetry, ...(source === "api" ? {} : { open }) });
    const host = new RowHost([
      ["identity", this.#hub],
      ["feature gates", new Map(Object.entries(gates))],
    ]);
    // Time stands still, so whoever waits for a pod would wait for ever; upstream doesn't wait either.
    const isTimeless = clock === undefined && typeof section === "object";
    const plan: unknown = isTimeless ? { pending: { max_wait: "0s" }, ...section } : section;
    const parsed = k8sAttributesProcessorFactory.config.parse(plan);
    if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
    const context = {
      id: { type: "k8s_attributes", name: "", text: "k8s_attributes" },
      telemetry,
      buffers: this.#buffers,
      host,
    };
    this.#processor = k8sAttributesProcessorFactory.create(context, parsed.config, signal, {
      consume: (payload) => Promise.resolve(void (this.#out = payload.bytes.slice())),
    });
  }

  /** Starts it, while the time passes that it is ready to wait. */
  async start(): Promise<void> {
    const started = this.#processor.start();
    // Whoever waits shall not wait for the test to look.
    started.catch(() => undefined);
    if (this.#waits) await this.clock.advance(START_MS);
    await started;
  }

  upsert(objects: readonly ObjectText[]): void {
    this.#opened().each(objects, (sink, object) => sink.upsert(object));
  }

  remove(objects: readonly ObjectText[]): void {
    this.#opened().each(objects, (sink, object) => sink.remove(object));
  }

  list(objects: readonly ObjectText[]): void {
    this.#opened().list(objects);
  }

  /** Sends a request with that resource, or with none, and returns what the resource left with. */
  async send(attributes: AttributesText | null, peerAddress = ""): Promise<AttributesText | undefined> {
    const resources = attributes === null ? [] : [bigInts(attributes)];
    const origin = { ...INTERNAL_ORIGIN, peerAddress };
    const payload = new Payload(this.#signal, MessageBuffer.copyOf(encodeRequest(this.#signal, resources)), origin);
    await this.#processor.consume(payload);
    payload.release();
    const named = decodeAttributes(this.#signal, this.#out)[0];
    return named === undefined ? undefined : (plainNumbers(named) as AttributesText);
  }

  /** Buffers that somebody forgot to give back. */
  get leased(): number {
    return this.#buffers.stats.leased;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const deadline = AbortSignal.timeout(1_000);
    await this.#processor.shutdown(deadline);
    await this.#processor.shutdown(deadline);
    await this.#hub.shutdown();
  }

  #opened(): TestSource {
    if (this.#source === undefined) throw new Error("the source was never opened");
    return this.#source;
  }
}

type AnySink = ReflectorSink<PodObject | MetadataObject>;

/** Gives objects as JSON to the decoders that the processor's wishes make, and what they keep to the directory. */
class TestSource {
  readonly #wanted: Wanted;
  readonly #decoders = new Map<string, { readonly decoder: ObjectDecoder<unknown>; readonly sink: AnySink }>();

  constructor(wanted: Wanted, sinks: SourceSinks) {
    this.#wanted = wanted;
    this.#decoders.set("Pod", { decoder: new PodDecoder(wanted.keys), sink: sinks.pods as AnySink });
    for (const [kind, { keys }] of wanted.objects) {
      this.#decoders.set(kind, { decoder: new MetadataDecoder(kind, keys), sink: sinks.objects(kind) as AnySink });
    }
  }

  list(objects: readonly ObjectText[]): void {
    for (const [kind, { sink }] of this.#decoders) {
      sink.listing();
      this.each(
        objects.filter((object) => object["kind"] === kind),
        (into, object) => into.upsert(object),
      );
      sink.listed();
    }
  }

  /** Calls back for what somebody wants to know of. */
  each(objects: readonly ObjectText[], act: (sink: AnySink, object: PodObject | MetadataObject) => void): void {
    for (const object of objects) {
      const kind = object["kind"] as string;
      const entry = this.#decoders.get(kind);
      if (entry === undefined) continue;
      const decoded = entry.decoder.fromJson(object) as PodObject | MetadataObject | undefined;
      const only = this.#wanted.objects.get(kind as ObjectKind)?.only;
      if (decoded === undefined || (only !== undefined && decoded.name !== only)) continue;
      act(entry.sink, decoded);
    }
  }
}

/** A host that has services already. */
class RowHost implements Host {
  readonly #services: Map<string, unknown>;

  constructor(services: readonly (readonly [string, unknown])[]) {
    this.#services = new Map(services);
  }

  service<T>(key: HostKey<T>, create: () => T): T {
    if (!this.#services.has(key.name)) this.#services.set(key.name, create());
    return this.#services.get(key.name) as T;
  }

  reportFatal(error: Error): void {
    throw error;
  }
}

function bigInts(attributes: AttributesText): TestAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === "number" ? BigInt(value) : value]),
  );
}

function plainNumbers(attributes: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
  );
}
