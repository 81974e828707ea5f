import type { Payload } from "#otlp";
import type { Component, ComponentContext, Consumer } from "../component.ts";
import { ConsumeError, errorFrom } from "../errors.ts";
import type { SendingSettings } from "./config.ts";
import { Delivery, type Send } from "./delivery.ts";
import { ITEM_NAMES, SendingMetrics } from "./metrics.ts";
import { failureFields, type SendFailure } from "./outcome.ts";
import { type QueueEntry, SendingQueue } from "./queue.ts";
import { queueStorages, type QueueStore } from "./storage.ts";
import { ThrottledLog } from "./throttled-log.ts";

/** What tests may set. */
export interface SenderOptions {
  /** Uniform in [0, 1), for the spread of delays. */
  readonly random?: () => number;
}

/** Told to those who were refused by an overloaded receiving end that named no delay. */
const OVERLOAD_RETRY_MS = 1000;

/**
 * What every exporter does around sending: queue, consumers, retries, counting, telling of losses, draining at the
 * end. Without a queue `consume` resolves when the payload was delivered, with one when it was accepted; what was
 * accepted is delivered, kept on disk, or counted and told as lost.
 */
export class Sender implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #settings: SendingSettings;
  readonly #metrics: SendingMetrics;
  readonly #log: ThrottledLog;
  readonly #delivery: Delivery;
  readonly #queue: SendingQueue | undefined;
  /** Payloads between their first attempt and their outcome. */
  #active = 0;
  #onIdle: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(context: ComponentContext, settings: SendingSettings, send: Send, options: SenderOptions = {}) {
    const { telemetry, buffers, id } = context;
    this.#context = context;
    this.#settings = settings;
    this.#metrics = new SendingMetrics(telemetry.metrics, id.text);
    this.#metrics.observeInFlight(() => this.#active);
    this.#log = new ThrottledLog(telemetry.logger, telemetry.clock);
    this.#delivery = new Delivery({
      send,
      retry: settings.retry,
      telemetry,
      metrics: this.#metrics,
      log: this.#log,
      random: options.random ?? Math.random,
    });
    if (settings.queue) {
      this.#queue = new SendingQueue(settings.queue, buffers, {
        accepted: () => this.#wakeConsumer(),
        refused: (payload, error) => this.#countRefused(payload, error),
      });
      this.#metrics.observeQueue(this.#queue);
    }
  }

  /** Opens the queue's storage and begins to send what it holds. Rejects where that can't be. */
  async start(): Promise<void> {
    if (!this.#queue || !this.#settings.queue?.storage) return;
    this.#queue.attach(await this.#openStore(this.#settings.queue.storage));
    const recovered = this.#queue.waiting;
    if (recovered > 0) this.#context.telemetry.logger.info("sending what an earlier process left", { recovered });
    for (let consumer = 0; consumer < this.#settings.queue.consumers; consumer++) this.#wakeConsumer();
  }

  async consume(payload: Payload): Promise<void> {
    if (this.#stopped) throw ConsumeError.unavailable(`exporter ${this.#context.id.text} is shutting down`);
    return this.#queue ? this.#queue.offer(payload) : this.#sendNow(payload);
  }

  /** Sends what a memory queue holds, each once, until `deadline`; what a stored queue holds stays there. */
  shutdown(deadline: AbortSignal): Promise<void> {
    const cut = (): void => this.#delivery.cut();
    if (deadline.aborted) cut();
    deadline.addEventListener("abort", cut, { once: true });
    this.#stopped ??= this.#stop();
    return this.#stopped.finally(() => deadline.removeEventListener("abort", cut));
  }

  async #openStore(storage: string): Promise<QueueStore> {
    const found = this.#context.host.service(queueStorages, () => new Map()).get(storage);
    if (!found) {
      throw new Error(
        `exporter ${this.#context.id.text}: sending_queue::storage names ${storage}, ` +
          `which is not among the storage extensions of service::extensions`,
      );
    }
    // Not the id as written: the queue must be found again when the YAML changes to another spelling of the type.
    const { type, name } = this.#context.id;
    return found.open(`exporter_${type}_${name}`);
  }

  async #sendNow(payload: Payload): Promise<void> {
    this.#active++;
    const outcome = await this.#delivery.deliver(payload);
    this.#leave();
    if (outcome.kind === "sent") return;
    this.#lose(payload, outcome);
    throw consumeErrorOf(outcome);
  }

  #wakeConsumer(): void {
    if (this.#active >= (this.#settings.queue?.consumers ?? 0)) return;
    const first = this.#next();
    if (!first) return;
    this.#active++;
    void this.#work(first);
  }

  /** One consumer: goes on until nothing waits. Never rejects. */
  async #work(first: QueueEntry): Promise<void> {
    try {
      for (let entry: QueueEntry | undefined = first; entry; entry = this.#next()) await this.#process(entry);
    } catch (caught) {
      const error = errorFrom(caught);
      this.#context.telemetry.logger.error("sending queue failed unexpectedly", { error, stack: error.stack });
    }
    this.#leave();
  }

  #next(): QueueEntry | undefined {
    const queue = this.#queue!;
    if (this.#delivery.isCut || (this.#delivery.draining && queue.durable)) return undefined;
    return queue.take();
  }

  async #process(entry: QueueEntry): Promise<void> {
    const queue = this.#queue!;
    if (!entry.payload) return this.#loseUnreadable(entry);
    const outcome = await this.#delivery.deliver(entry.payload);
    if (outcome.kind === "sent") {
      entry.waiter?.resolve();
      return queue.done(entry, true);
    }
    const kept = outcome.kind === "retryable" && queue.durable && this.#delivery.draining;
    if (kept) this.#context.telemetry.logger.debug("left in the stored queue", { key: entry.key });
    else this.#lose(entry.payload, outcome);
    entry.waiter?.reject(consumeErrorOf(outcome));
    queue.done(entry, !kept);
  }

  #leave(): void {
    if (--this.#active === 0) this.#onIdle?.();
  }

  async #stop(): Promise<void> {
    this.#queue?.refuseBlocked(ConsumeError.unavailable(`exporter ${this.#context.id.text} is shutting down`));
    this.#delivery.drain();
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    if (this.#queue) this.#leaveQueue(this.#queue);
    this.#log.flush();
  }

  #leaveQueue(queue: SendingQueue): void {
    if (queue.durable) {
      if (queue.size > 0)
        this.#context.telemetry.logger.info("stored queue keeps requests", { waiting: queue.waiting });
    } else {
      let entry: QueueEntry | undefined;
      while ((entry = queue.take())) {
        const outcome: SendFailure = { kind: "retryable", message: "not sent before the shutdown deadline" };
        if (entry.payload) this.#lose(entry.payload, outcome);
        entry.waiter?.reject(consumeErrorOf(outcome));
        queue.done(entry, true);
      }
    }
    queue.close();
  }

  #lose(payload: Payload, outcome: SendFailure): void {
    const { signal, items } = payload;
    this.#metrics.of(signal).sendFailed.add(items);
    const fields = { signal, unit: ITEM_NAMES[signal], ...failureFields(outcome) };
    const message = this.#queue ? "sending failed, data is lost" : "sending failed, data was refused";
    this.#log.tell("error", `${outcome.kind} ${signal}`, message, fields, items);
  }

  #loseUnreadable(entry: QueueEntry): void {
    const { signal, items } = entry;
    this.#metrics.of(signal).sendFailed.add(items);
    const fields = { signal, unit: ITEM_NAMES[signal], reason: "the stored queue could not be read" };
    this.#log.tell("error", `unreadable ${signal}`, "sending failed, data is lost", fields, items);
    this.#queue!.done(entry, true);
  }

  #countRefused(payload: Payload, error: ConsumeError): void {
    const { signal, items } = payload;
    this.#metrics.of(signal).enqueueFailed.add(items);
    const fields = { signal, unit: ITEM_NAMES[signal], reason: error.message, error: error.cause };
    this.#log.tell(
      "warn",
      `refused ${signal}`,
      "sending queue did not take a request, its sender was told",
      fields,
      items,
    );
  }
}

/** What whoever handed over the payload is told. */
function consumeErrorOf(outcome: SendFailure): ConsumeError {
  const options = outcome.cause ? { cause: outcome.cause } : {};
  if (outcome.kind === "permanent") return ConsumeError.permanent(outcome.message, options);
  return outcome.overloaded
    ? ConsumeError.overload(outcome.message, outcome.retryAfterMs ?? OVERLOAD_RETRY_MS, options)
    : ConsumeError.unavailable(outcome.message, outcome.retryAfterMs, options);
}
