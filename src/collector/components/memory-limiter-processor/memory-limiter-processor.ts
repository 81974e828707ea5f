import type { Payload, Signal } from "#otlp";
import type { Counter, Telemetry, Timer } from "#telemetry";
import { type Component, type ComponentContext, type Consumer, ConsumeError, ITEM_NAMES } from "#collector";
import type { Limit, MemoryLimiterConfig } from "./config.ts";
import { type ProcessMemory, processMemory } from "./process-memory.ts";

/** A burst is measured when this part of the spike limit came in since the last check, without waiting for the next. */
const BURST_PART = 0.5;

/**
 * Refuses with overload while the process has more memory than its soft limit, so that senders wait instead of the
 * process dying. Measures once an interval, and in bursts as soon as they could matter.
 */
export class MemoryLimiterProcessor implements Component, Consumer {
  readonly #next: Consumer;
  readonly #telemetry: Telemetry;
  readonly #memory: ProcessMemory;
  readonly #config: MemoryLimiterConfig;
  readonly #hardBytes: number;
  readonly #softBytes: number;
  readonly #burstBytes: number;
  readonly #accepted: Counter;
  readonly #refused: Counter;
  #refusing = false;
  #bytesSinceCheck = 0;
  #collectedAtMs = -Infinity;
  #timer: Timer | undefined;

  constructor(
    context: ComponentContext,
    config: MemoryLimiterConfig,
    signal: Signal,
    next: Consumer,
    memory: ProcessMemory = processMemory,
  ) {
    const { telemetry, id } = context;
    this.#next = next;
    this.#telemetry = telemetry;
    this.#memory = memory;
    this.#config = config;
    this.#hardBytes = bytesOf(config.hard, memory);
    const spikeBytes = bytesOf(config.spike, memory);
    this.#softBytes = this.#hardBytes - spikeBytes;
    this.#burstBytes = spikeBytes * BURST_PART;
    const items = ITEM_NAMES[signal];
    const counter = (what: string, help: string): Counter =>
      telemetry.metrics.counter(`otelcol_processor_${what}_${items}`, { help }, { processor: id.text });
    const shown = items.replace("_", " ");
    this.#accepted = counter("accepted", `Number of ${shown} that the processor passed on.`);
    this.#refused = counter("refused", `Number of ${shown} that the processor refused, for their sender to try again.`);
  }

  async start(): Promise<void> {
    const { hardBytes, softBytes } = { hardBytes: this.#hardBytes, softBytes: this.#softBytes };
    this.#telemetry.logger.info("memory limiter is watching", { softMib: mib(softBytes), hardMib: mib(hardBytes) });
    this.#tick();
  }

  async shutdown(): Promise<void> {
    this.#timer?.cancel();
  }

  async consume(payload: Payload): Promise<void> {
    this.#bytesSinceCheck += payload.bytes.length;
    if (this.#bytesSinceCheck > this.#burstBytes) this.#check();
    if (this.#refusing) {
      this.#refused.add(payload.items);
      throw ConsumeError.overload("memory limiter: too much memory is in use", this.#config.checkIntervalMs);
    }
    await this.#next.consume(payload);
    this.#accepted.add(payload.items);
  }

  #tick(): void {
    this.#check();
    this.#timer = this.#telemetry.clock.timer(this.#config.checkIntervalMs, () => this.#tick());
  }

  #check(): void {
    this.#bytesSinceCheck = 0;
    let residentBytes = this.#memory.residentBytes();
    if (residentBytes > this.#softBytes && this.#collect(residentBytes)) residentBytes = this.#memory.residentBytes();
    const refusing = residentBytes > this.#softBytes;
    if (refusing === this.#refusing) return;
    this.#refusing = refusing;
    const fields = { residentMib: mib(residentBytes), softMib: mib(this.#softBytes), hardMib: mib(this.#hardBytes) };
    if (refusing) this.#telemetry.logger.warn("memory is above the soft limit, refusing requests", fields);
    else this.#telemetry.logger.info("memory is below the soft limit again, taking requests", fields);
  }

  /** Whether garbage was collected. */
  #collect(residentBytes: number): boolean {
    const { hardGcIntervalMs, softGcIntervalMs } = this.#config;
    const nowMs = this.#telemetry.clock.monotonicMs();
    const intervalMs = residentBytes > this.#hardBytes ? hardGcIntervalMs : softGcIntervalMs;
    if (!this.#memory.collect || nowMs - this.#collectedAtMs < intervalMs) return false;
    this.#memory.collect();
    this.#collectedAtMs = nowMs;
    return true;
  }
}

function bytesOf(limit: Limit, memory: ProcessMemory): number {
  return "bytes" in limit ? limit.bytes : (memory.totalBytes() * limit.percent) / 100;
}

function mib(bytes: number): number {
  return Math.round(bytes / (1024 * 1024));
}
