import {
  type Component,
  type ComponentContext,
  ConsumeError,
  type Consumer,
  errorFrom,
  hostKey,
  ThrottledLog,
} from "#collector";
import type { IdentityHandle, IdentityHub } from "#identity";
import { INTERNAL_ORIGIN, Payload } from "#otlp";
import type { DeliverProfiles, Profiler, ProfilerSettings } from "#profiler";
import type { Telemetry } from "#telemetry";
import type { ProfilingConfig } from "./config.ts";
import { ReceiverMetrics } from "./receiver-metrics.ts";
import { settingsOf } from "./settings.ts";

/** The process's directories of pods: one for all components that watch the same pods. */
const IDENTITY = hostKey<IdentityHub>("identity");

/** What the receiver wants of a `Profiler`. */
export type SamplingProfiler = Pick<Profiler, "start" | "stop">;

/** Makes a profiler; replaced in tests. Loads the profiler's code, which a collector without it does not need. */
export type OpenProfiler = (
  settings: ProfilerSettings,
  telemetry: Telemetry,
  deliver: DeliverProfiles,
) => Promise<SamplingProfiler>;

const openProfiler: OpenProfiler = async (settings, telemetry, deliver) =>
  new (await import("#profiler")).Profiler(settings, telemetry, deliver);

/**
 * How long a request that was refused for the moment is offered again before its samples are given up. In that time the
 * profiler gathers the next ones, up to its bound.
 */
const GIVE_UP_AFTER_MS = 30_000;
/** Between two attempts, where the one who refused names no delay. */
const RETRY_MS = 1000;

/** Runs the profiler of this machine and hands its requests to the pipelines, each as one payload. */
export class ProfilingReceiver implements Component {
  readonly #context: ComponentContext;
  readonly #config: ProfilingConfig;
  readonly #consumer: Consumer | undefined;
  readonly #open: OpenProfiler;
  readonly #metrics: ReceiverMetrics;
  readonly #log: ThrottledLog;
  readonly #stopping = new AbortController();
  #profiler: SamplingProfiler | undefined;
  #pods: IdentityHandle | undefined;

  constructor(
    context: ComponentContext,
    config: ProfilingConfig,
    consumer: Consumer | undefined,
    open: OpenProfiler = openProfiler,
  ) {
    this.#context = context;
    this.#config = config;
    this.#consumer = consumer;
    this.#open = open;
    this.#metrics = new ReceiverMetrics(context.telemetry.metrics, context.id.text);
    this.#log = new ThrottledLog(context.telemetry.logger, context.telemetry.clock);
  }

  async start(): Promise<void> {
    const { telemetry } = this.#context;
    const { logger } = telemetry;
    for (const warning of this.#config.warnings) logger.warn(warning);
    if (this.#consumer === undefined || this.#stopping.signal.aborted) return;
    const consumer = this.#consumer;
    this.#pods = await this.#followPods();
    const settings = settingsOf(this.#config, this.#pods?.view.directory);
    const profiler = await this.#open(settings, telemetry, (request) => this.#deliver(consumer, request));
    try {
      profiler.start();
    } catch (caught) {
      if (this.#config.errorMode === "propagate") throw caught;
      logger.error("this machine is not profiled (error_mode: ignore)", { error: errorFrom(caught) });
      await this.#pods?.shutdown();
      return;
    }
    this.#profiler = profiler;
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error("the receiver stops"));
    const profiler = this.#profiler;
    this.#profiler = undefined;
    // Also past the deadline the kernel gets everything back; only what nobody takes is waited for no longer.
    await Promise.race([profiler?.stop(), aborted(deadline)]);
    await this.#pods?.shutdown();
    this.#log.flush();
  }

  /** Takes part in the directory of pods, where rules speak of them. */
  async #followPods(): Promise<IdentityHandle | undefined> {
    const { selection } = this.#config;
    if (selection?.source === undefined) return undefined;
    const { host, telemetry, buffers } = this.#context;
    const { DEFAULT_GRACE_MS, IdentityHub } = await import("#identity");
    const { Selection } = await import("#profiler");
    const hub = host.service(IDENTITY, () => new IdentityHub({ telemetry, process: buffers }));
    const handle = hub.join({
      source: selection.source,
      keys: new Selection(selection.rules, true).keys,
      keysName: JSON.stringify(selection.rules),
      graceMs: DEFAULT_GRACE_MS,
    });
    await handle.start();
    return handle;
  }

  /** Resolves when a pipeline answers for the samples; rejects when they are lost. */
  async #deliver(consumer: Consumer, request: Uint8Array): Promise<void> {
    const { buffers, telemetry } = this.#context;
    // The pipeline may keep a payload for long, the profiler its bytes not.
    const payload = new Payload("profiles", buffers.copyOf(request), INTERNAL_ORIGIN);
    const giveUpMs = telemetry.clock.monotonicMs() + GIVE_UP_AFTER_MS;
    try {
      for (;;) {
        const refusal = await this.#offer(consumer, payload);
        if (refusal === undefined) return;
        const delayMs = refusal.retryAfterMs ?? RETRY_MS;
        if (refusal.permanent || telemetry.clock.monotonicMs() + delayMs > giveUpMs) throw refusal;
        // Asked to stop, the last attempt is now.
        if (this.#stopping.signal.aborted) throw refusal;
        await telemetry.clock.sleep(delayMs, this.#stopping.signal).catch(() => undefined);
      }
    } catch (caught) {
      const { items } = payload;
      const error = errorFrom(caught);
      if (caught instanceof ConsumeError) {
        this.#metrics.refused.add(items);
        this.#log.tell("warn", "refused", "samples are lost: the pipeline refused them", { error }, items);
      } else {
        this.#metrics.failed.add(items);
        const fields = { error, stack: error.stack };
        this.#log.tell("error", "bug", "samples are lost: a pipeline failed by a bug", fields, items);
      }
      throw error;
    } finally {
      payload.release();
    }
  }

  async #offer(consumer: Consumer, payload: Payload): Promise<ConsumeError | undefined> {
    try {
      await consumer.consume(payload);
    } catch (caught) {
      if (caught instanceof ConsumeError) return caught;
      throw caught;
    }
    this.#metrics.accepted.add(payload.items);
    return undefined;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
