import { isMergeable, type Payload, type Signal } from "#otlp";
import type { Counter, Histogram, Telemetry, Timer } from "#telemetry";
import {
  type Component,
  type ComponentContext,
  type Consumer,
  ConsumeError,
  errorFrom,
  ThrottledLog,
} from "#collector";
import type { BatchProcessorConfig } from "./config.ts";
import { PendingRequests } from "./pending-requests.ts";

/** Before a refused batch is tried again, where the one who refused named no delay. */
const RETRY_MS = 1000;
/** How often a refused batch is tried once the process is ending; the exporters need a part of the deadline too. */
const LAST_TRIES = 5;
/** Bounds of the histogram of items a batch, as upstream's. */
const SIZE_BUCKETS = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
  50_000, 100_000,
];

interface Blocked {
  readonly payload: Payload;
  resolve(): void;
  reject(reason: Error): void;
}

/**
 * Joins requests by putting their bytes one behind the other. A sender is answered when its request is in a batch; the
 * processor then answers for it: a batch that is refused is tried again until it is taken, and meanwhile senders are
 * refused when the batch is full. Profiles are passed on one by one: their dictionaries cannot be joined by bytes.
 */
export class BatchProcessor implements Component, Consumer {
  readonly #id: string;
  readonly #next: Consumer;
  readonly #telemetry: Telemetry;
  readonly #config: BatchProcessorConfig;
  readonly #signal: Signal;
  readonly #pending: PendingRequests | undefined;
  readonly #log: ThrottledLog;
  readonly #sizeTriggers: Counter;
  readonly #timeoutTriggers: Counter;
  readonly #batchItems: Histogram;
  readonly #dropped: Counter;
  #blocked: Blocked[] = [];
  #timer: Timer | undefined;
  /** The timer has fired, or the end has come: what waits is sent whatever its size. */
  #due = false;
  #pumping: Promise<void> | undefined;
  /** The last batch was refused and waits for another try. */
  #refused: Error | undefined;
  #stopped: Promise<void> | undefined;
  /** Aborts when the deadline of the shutdown has come. */
  readonly #cut = new AbortController();

  constructor(context: ComponentContext, config: BatchProcessorConfig, signal: Signal, next: Consumer) {
    const { telemetry, id, buffers } = context;
    this.#id = id.text;
    this.#next = next;
    this.#telemetry = telemetry;
    this.#config = config;
    this.#signal = signal;
    this.#pending = isMergeable(signal) ? new PendingRequests(signal, config, buffers) : undefined;
    this.#log = new ThrottledLog(telemetry.logger, telemetry.clock);
    const labels = { processor: id.text };
    const { metrics } = telemetry;
    const triggers = (what: string, why: string): Counter =>
      metrics.counter(`otelcol_processor_batch_${what}_trigger_send`, { help: `Batches sent because ${why}.` }, labels);
    this.#sizeTriggers = triggers("batch_size", "of their size");
    this.#timeoutTriggers = triggers("timeout", "their time had come");
    this.#batchItems = metrics.histogram(
      "otelcol_processor_batch_batch_send_size",
      { help: "Number of items in the batches that were sent.", buckets: SIZE_BUCKETS },
      labels,
    );
    this.#dropped = metrics.counter(
      "podflame_processor_batch_dropped_items",
      { help: "Items of batches that were refused for good, or left over at shutdown." },
      { ...labels, signal },
    );
  }

  async start(): Promise<void> {}

  async consume(payload: Payload): Promise<void> {
    const pending = this.#pending;
    if (!pending) return this.#next.consume(payload);
    if (this.#stopped) throw ConsumeError.unavailable(`${this.#id} is shutting down`);
    if (payload.bytes.length === 0) return;
    if (this.#blocked.length === 0 && pending.fits(payload)) return this.#accept(pending, payload);
    if (this.#refused) throw this.#full(this.#refused);
    return new Promise((resolve, reject) => this.#blocked.push({ payload, resolve, reject }));
  }

  /** Sends what waits; what is refused until `deadline` is counted and told as dropped. */
  shutdown(deadline: AbortSignal): Promise<void> {
    const cut = (): void => this.#cut.abort();
    if (deadline.aborted) cut();
    deadline.addEventListener("abort", cut, { once: true });
    this.#stopped ??= this.#finish();
    return this.#stopped.finally(() => deadline.removeEventListener("abort", cut));
  }

  async #finish(): Promise<void> {
    this.#timer?.cancel();
    this.#refuseBlocked(ConsumeError.unavailable(`${this.#id} is shutting down`));
    this.#due = true;
    if (this.#pending) this.#sendIfNeeded(this.#pending);
    await this.#pumping;
    this.#log.flush();
  }

  #accept(pending: PendingRequests, payload: Payload): void {
    pending.add(payload);
    this.#sendIfNeeded(pending);
  }

  #sendIfNeeded(pending: PendingRequests): void {
    if (this.#pumping || pending.empty) return;
    if (this.#shouldSend(pending)) this.#pumping = this.#pump(pending);
    else {
      this.#timer ??= this.#telemetry.clock.timer(this.#config.timeoutMs, () => {
        this.#timer = undefined;
        this.#due = true;
        this.#sendIfNeeded(pending);
      });
    }
  }

  #shouldSend(pending: PendingRequests): boolean {
    const { timeoutMs, sendItems } = this.#config;
    return !pending.empty && (this.#due || pending.ripe || timeoutMs === 0 || sendItems === 0);
  }

  /** Sends batches, one at a time and in order, as long as one should be sent. Never rejects. */
  async #pump(pending: PendingRequests): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#shouldSend(pending)) {
      const itemsBefore = pending.items;
      try {
        await this.#sendBatch(pending);
      } catch (caught) {
        // A bug, or no memory to join requests. They are out of the list, so the next round meets others.
        const error = errorFrom(caught);
        const lost = itemsBefore - pending.items;
        this.#dropped.add(lost);
        this.#log.tell("error", "bug", "batch failed unexpectedly, data is lost", { error, stack: error.stack }, lost);
        pending.settle();
      }
    }
    this.#pumping = undefined;
    this.#sendIfNeeded(pending);
  }

  async #sendBatch(pending: PendingRequests): Promise<void> {
    (pending.ripe ? this.#sizeTriggers : this.#timeoutTriggers).add();
    const batch = pending.takeBatch()!;
    // What comes from now on waits its own time.
    if (pending.empty) this.#due = false;
    this.#batchItems.record(batch.items);
    await this.#deliver(batch);
    batch.release();
    pending.settle();
    this.#admitBlocked(pending);
  }

  /** Tries until the batch is taken, refused for good, or given up at the end of the process. */
  async #deliver(batch: Payload): Promise<void> {
    for (let lastTries = 0; ;) {
      try {
        await this.#next.consume(batch);
        this.#refused = undefined;
        return;
      } catch (caught) {
        const error = errorFrom(caught);
        if (this.#stopped) lastTries++;
        const final = !(error instanceof ConsumeError) || error.permanent;
        if (final || this.#cut.signal.aborted || lastTries >= LAST_TRIES) return this.#drop(batch, error);
        await this.#waitToRetry(error);
      }
    }
  }

  async #waitToRetry(error: ConsumeError): Promise<void> {
    this.#refused = error;
    this.#refuseBlocked(this.#full(error));
    const fields = { signal: this.#signal, reason: error.message };
    this.#log.tell("warn", "retry", "batch was refused, will try again", fields, 0);
    const delayMs = this.#stopped ? RETRY_MS : (error.retryAfterMs ?? RETRY_MS);
    await this.#telemetry.clock.sleep(delayMs, this.#cut.signal).catch(() => undefined);
  }

  #drop(batch: Payload, error: Error): void {
    this.#refused = undefined;
    this.#dropped.add(batch.items);
    const fields = { signal: this.#signal, reason: error.message, error: error.cause };
    const stack = error instanceof ConsumeError ? undefined : error.stack;
    this.#log.tell(
      "error",
      "drop",
      "batch was dropped, data is lost",
      { ...fields, ...(stack && { stack }) },
      batch.items,
    );
  }

  #admitBlocked(pending: PendingRequests): void {
    let first: Blocked | undefined;
    while ((first = this.#blocked[0]) && pending.fits(first.payload)) {
      this.#blocked.shift();
      pending.add(first.payload);
      first.resolve();
    }
  }

  #refuseBlocked(reason: ConsumeError): void {
    for (const blocked of this.#blocked.splice(0)) blocked.reject(reason);
  }

  #full(cause: Error): ConsumeError {
    return ConsumeError.overload(`${this.#id} is full: ${cause.message}`, RETRY_MS, { cause });
  }
}
