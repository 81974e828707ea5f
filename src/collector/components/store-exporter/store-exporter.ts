import type { Payload } from "#otlp";
import {
  type Component,
  type ComponentContext,
  type Consumer,
  hostKey,
  Sender,
  type SendOutcome,
  ThrottledLog,
} from "#collector";
import { IdentityHub } from "#identity";
import {
  type AppendReceipt,
  NAMED_STORES_SERVICE,
  NamedStores,
  openEmbeddedStore,
  type ProfileStore,
  StoreError,
} from "#store";
import type { Counter } from "#telemetry";
import type { StoreExporterConfig } from "./config.ts";
import { SERVICE_LABELS } from "./identity-entries.ts";
import { IdentityRecorder } from "./identity-recorder.ts";

/** The process's directories of pods, as those who feed and ask them know them. */
const IDENTITY = hostKey<IdentityHub>("identity");
const STORES = hostKey<NamedStores>(NAMED_STORES_SERVICE);

/** Told to senders whose request the store has no room for now. */
const RETRY_MS = 1000;

/** Keeps profiles in a store of this process, under the exporter's id for whoever answers questions about them. */
export class StoreExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: StoreExporterConfig;
  readonly #sender: Sender;
  readonly #log: ThrottledLog;
  readonly #stores: NamedStores;
  readonly #samples: Counter;
  #store: ProfileStore | undefined;
  #recorder: IdentityRecorder | undefined;
  #withdraw: (() => void) | undefined;

  constructor(context: ComponentContext, config: StoreExporterConfig) {
    const { host, telemetry } = context;
    this.#context = context;
    this.#config = config;
    this.#stores = host.service(STORES, () => new NamedStores());
    this.#log = new ThrottledLog(telemetry.logger, telemetry.clock);
    this.#samples = telemetry.metrics.counter(
      "podflame_store_samples",
      { help: "Samples that the store took in." },
      { exporter: context.id.text },
    );
    const settings = { timeoutMs: 0, queue: undefined, retry: undefined };
    this.#sender = new Sender(context, settings, (payload) => this.#keep(payload));
  }

  async start(): Promise<void> {
    const { telemetry, id, host, buffers } = this.#context;
    const { clock, logger } = telemetry;
    const store = await openEmbeddedStore({ ...this.#config.settings, clock, logger });
    this.#store = store;
    this.#withdraw = this.#stores.offer(id.text, store);
    observe(store, this.#context);
    // Only now: those who feed and ask directories were made meanwhile, and theirs these are.
    const hub = host.service(IDENTITY, () => new IdentityHub({ telemetry, process: buffers }));
    this.#recorder = new IdentityRecorder(hub, store, this.#rememberedKeys(), telemetry);
    this.#recorder.start();
  }

  consume(payload: Payload): Promise<void> {
    return this.#sender.consume(payload);
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    await this.#sender.shutdown(deadline);
    this.#withdraw?.();
    this.#withdraw = undefined;
    await this.#recorder?.stop();
    this.#recorder = undefined;
    await this.#store?.close();
    this.#store = undefined;
    this.#log.flush();
  }

  async #keep({ bytes }: Payload): Promise<SendOutcome> {
    const store = this.#store;
    if (store === undefined) return { kind: "retryable", message: "the store is not open yet" };
    try {
      const receipt = await store.append({ bytes, receivedAt: this.#context.telemetry.clock.nowMs() });
      return this.#outcomeOf(receipt);
    } catch (caught) {
      if (caught instanceof StoreError) return failure(caught);
      throw caught;
    }
  }

  #outcomeOf({ samples, rejected }: AppendReceipt): SendOutcome {
    this.#samples.add(samples);
    if (rejected.size === 0) return { kind: "sent" };
    const { metrics } = this.#context.telemetry;
    for (const [reason, count] of rejected) {
      const labels = { exporter: this.#context.id.text, reason };
      metrics
        .counter("podflame_store_rejected_samples", { help: "Samples that the store refused." }, labels)
        .add(count);
      this.#log.tell("warn", reason, "the store refused samples of a request, and kept the rest", { reason }, count);
    }
    return { kind: "sent" };
  }

  #rememberedKeys(): { label(key: string): boolean; annotation(key: string): boolean } {
    const { podLabels, podAnnotations } = this.#config;
    const isLabel = keyTest([...podLabels, ...SERVICE_LABELS]);
    const isAnnotation = keyTest(podAnnotations);
    return { label: isLabel, annotation: isAnnotation };
  }
}

/** What senders are told: whether the same bytes may be taken later. */
function failure(error: StoreError): SendOutcome {
  const { message, kind } = error;
  if (kind === "invalid" || kind === "limit") return { kind: "permanent", message, cause: error };
  return { kind: "retryable", message, retryAfterMs: RETRY_MS, overloaded: kind === "overloaded", cause: error };
}

/** Whether a key is one of these, or begins with what stands before a `*`. */
function keyTest(patterns: readonly string[]): (key: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const beginnings = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  return (key) => exact.has(key) || beginnings.some((beginning) => key.startsWith(beginning));
}

function observe(store: ProfileStore, { telemetry: { metrics, clock }, id }: ComponentContext): void {
  const labels = { exporter: id.text };
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);
  metrics.observe("podflame_store_bytes", { help: "Bytes of the store's files." }, labels, () =>
    sum(store.state().bytes.values()),
  );
  for (const reason of ["age", "tier_bytes", "total_bytes"]) {
    metrics.observe(
      "podflame_store_removed_bytes",
      { help: "Bytes of files that retention removed, since the start." },
      { ...labels, reason },
      () => store.state().removed?.get(reason) ?? 0,
    );
  }
  metrics.observe(
    "podflame_store_damaged_blocks",
    { help: "Blocks set aside because they can't be read." },
    labels,
    () => store.state().damaged.length,
  );
  metrics.observe(
    "podflame_store_lost_samples",
    { help: "Samples that the store didn't keep, since its start." },
    labels,
    () => sum(store.state().lost.values()),
  );
  metrics.observe(
    "podflame_store_lag_seconds",
    { help: "Age of the newest samples that are in answers." },
    labels,
    () => Math.max(0, (clock.nowMs() - store.state().visibleUpTo) / 1000),
  );
}
