import type { ArrivalKey, Arrivals } from "#identity";
import type { Signal } from "#otlp";
import type { Clock, MetricRegistry, Timer } from "#telemetry";
import type { ByteBudget } from "./byte-budget.ts";
import { PendingMetrics, type WaitEnd } from "./pending-metrics.ts";
import type { VainKeys } from "./vain-keys.ts";

/** What a key costs that is waited for: its text, its entries in two maps, the objects around it. */
const KEY_BYTES = 512;

export interface PendingRequestsSettings {
  readonly processor: string;
  readonly signal: Signal;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
  readonly arrivals: Arrivals;
  /** How long a key is waited for, from the first request that has it. */
  readonly maxWaitMs: number;
  /** Shared by the pipelines of one processor, as is `vain`. */
  readonly budget: ByteBudget;
  readonly vain: VainKeys;
  /** Whether pods that come to exist would become known: the source has told all and answers. */
  readonly isSourceWell: () => boolean;
}

/** A request that waits. It may go on when none of its resources has to wait any longer. */
interface Request {
  /** Counts up, in the order of arrival. */
  readonly number: number;
  readonly costBytes: number;
  readonly resume: () => void;
  waiting: number;
}

/** A resource that waits for the first of its keys to arrive, or for the last to be given up. */
interface Waiting {
  readonly request: Request;
  readonly keys: Set<AwaitedKey>;
}

interface AwaitedKey {
  readonly key: ArrivalKey;
  readonly giveUpMs: number;
  readonly waiting: Set<Waiting>;
  readonly arrived: () => void;
}

/**
 * Requests whose pods aren't known yet. Each goes on when the directory has learned of them, or when they were waited for
 * long enough; requests that wait for the same go on in the order in which they came. Bounded in time by the key, not by
 * the request, so that a key that never comes delays its data once; and in memory, what the keys cost included.
 */
export class PendingRequests {
  readonly #settings: PendingRequestsSettings;
  readonly #metrics: PendingMetrics;
  /** In the order in which they are given up. */
  readonly #keys = new Map<ArrivalKey, AwaitedKey>();
  readonly #requests = new Set<Request>();
  #ready: Request[] = [];
  #count = 0;
  #timer: Timer | undefined;
  /** Waiting was in vain while the source was not well, so there will be none until it is. */
  #suspended = false;
  #closed = false;

  constructor(settings: PendingRequestsSettings) {
    this.#settings = settings;
    const { metrics, processor, signal, budget } = settings;
    this.#metrics = new PendingMetrics(metrics, processor, signal, {
      requests: () => this.#requests.size,
      bytes: () => budget.heldBytes,
    });
  }

  /** Whether it can help to wait for that key. */
  isWorthwhile(key: ArrivalKey): boolean {
    if (this.#closed || this.#settings.vain.has(key)) return false;
    if (this.#suspended && this.#settings.isSourceWell()) this.#suspended = false;
    return !this.#suspended;
  }

  /**
   * Keeps a request until each of its unknown resources has one of its keys known, or none that is still waited for;
   * `resume` is then called once, never from within `hold`. False if there is no room.
   *
   * @param unknown the keys of each resource that waits, all of them worthwhile; none empty
   */
  hold(bytes: number, unknown: readonly (readonly ArrivalKey[])[], resume: () => void): boolean {
    const costBytes = unknown.reduce((sum, keys) => sum + keys.length * KEY_BYTES, bytes);
    if (!this.#settings.budget.take(costBytes)) {
      this.#metrics.ends.full.add(unknown.length);
      return false;
    }
    const request: Request = { number: this.#count++, costBytes, resume, waiting: unknown.length };
    this.#requests.add(request);
    for (const keys of unknown) {
      const waiting: Waiting = { request, keys: new Set() };
      for (const key of keys) {
        const awaited = this.#keys.get(key) ?? this.#await(key);
        awaited.waiting.add(waiting);
        waiting.keys.add(awaited);
      }
    }
    this.#schedule();
    return true;
  }

  /** Lets everything go on at once, in order, before it returns. Nothing waits any more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const awaited of this.#keys.values()) {
      for (const waiting of awaited.waiting) this.#end(waiting, "shutdown");
    }
    this.resumeReady();
  }

  /** Lets those go on that need wait no longer; for who is about to hand on a later request. */
  resumeReady(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready.toSorted((a, b) => a.number - b.number);
    this.#ready = [];
    for (const { resume } of ready) resume();
  }

  #await(key: ArrivalKey): AwaitedKey {
    const awaited: AwaitedKey = {
      key,
      giveUpMs: this.#settings.clock.monotonicMs() + this.#settings.maxWaitMs,
      waiting: new Set(),
      arrived: () => {
        for (const waiting of awaited.waiting) this.#end(waiting, "arrived");
      },
    };
    this.#keys.set(key, awaited);
    this.#settings.arrivals.expect(key, awaited.arrived);
    return awaited;
  }

  #end(waiting: Waiting, end: WaitEnd): void {
    this.#metrics.ends[end].add();
    for (const awaited of waiting.keys) {
      awaited.waiting.delete(waiting);
      if (awaited.waiting.size === 0) this.#forget(awaited);
    }
    const { request } = waiting;
    if (--request.waiting > 0) return;
    this.#requests.delete(request);
    this.#settings.budget.giveBack(request.costBytes);
    // Later, for the directory is in the midst of a change.
    if (this.#ready.push(request) === 1) queueMicrotask(() => this.resumeReady());
  }

  #forget(awaited: AwaitedKey): void {
    this.#keys.delete(awaited.key);
    this.#settings.arrivals.forget(awaited.key, awaited.arrived);
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    const [first] = this.#keys.values();
    if (first === undefined) return;
    const { clock } = this.#settings;
    this.#timer = clock.timer(Math.max(0, Math.ceil(first.giveUpMs - clock.monotonicMs())), () => {
      this.#timer = undefined;
      this.#giveUpDue();
      this.#schedule();
    });
  }

  #giveUpDue(): void {
    const { clock, vain, isSourceWell } = this.#settings;
    const nowMs = clock.monotonicMs();
    let isWell: boolean | undefined;
    for (const awaited of this.#keys.values()) {
      if (awaited.giveUpMs > nowMs) break;
      // What couldn't be learned says nothing about the key.
      if ((isWell ??= isSourceWell())) vain.add(awaited.key);
      else this.#suspended = true;
      this.#forget(awaited);
      for (const waiting of awaited.waiting) {
        waiting.keys.delete(awaited);
        if (waiting.keys.size === 0) this.#end(waiting, "timeout");
      }
    }
  }
}
