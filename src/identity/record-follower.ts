import { setImmediate as nextTurn } from "node:timers/promises";
import type { KeyFilter } from "#kubernetes";
import type { Counter, Telemetry, Timer } from "#telemetry";
import type { Directory } from "./directory.ts";
import { type AllTold, type FollowedState, type Untold, untoldOf } from "./followed-identity.ts";
import type { PodRecord } from "./records.ts";
import { CONTROLLER_REVISION_LABEL, TEMPLATE_HASH_LABEL } from "./workload.ts";

/** Changes that come together are told together: a pod's start is some four events within a second. */
const GATHERING_MS = 200;
/** States a call; some 200 KiB with usual labels. */
const BATCH_STATES = 500;
/** After a listener failed. */
const AGAIN_MS = 1_000;
/** As many as a directory takes pods. */
const DEFAULT_MAX_WAITING = 200_000;

export interface FollowSettings {
  /** Labels and annotations of pods to be told; those that only somebody else asked to keep aren't. */
  readonly keys: KeyFilter;
  /**
   * Takes what is new, several at once, of one pod in the order in which it happened; the next call comes when the promise
   * has settled. While it takes its time, or after it failed, changes of one pod become one: the last state counts.
   */
  readonly listener: (states: readonly FollowedState[]) => void | Promise<void>;
  readonly telemetry: Telemetry;
  /** Pods of which something may wait to be told; those beyond that push out the oldest, counted. */
  readonly maxWaiting?: number;
}

/** A listener's hold on what it follows. */
export interface Following {
  /** Tells what isn't told yet, unless that fails; resolves when the listener is called no more. */
  stop(): Promise<void>;
}

/**
 * Follows directories: tells all that they know and whatever of it changes, each state of a pod or run once. Bounded by the
 * number of pods: what waits is which pods changed, not what they changed to.
 */
export class RecordFollower implements Following {
  /** What it wants directories to keep. */
  readonly keys: KeyFilter;
  readonly #settings: FollowSettings;
  readonly #onStop: () => void;
  readonly #ends = new Map<Directory, () => void>();
  readonly #waiting = new Set<PodRecord>();
  readonly #told: AllTold = new WeakMap();
  readonly #states: Counter;
  readonly #failures: Counter;
  readonly #dropped: Counter;
  #timer: Timer | undefined;
  #telling: Promise<void> | undefined;
  #stopped = false;

  constructor(settings: FollowSettings, onStop: () => void) {
    this.#settings = settings;
    this.#onStop = onStop;
    const { keys, telemetry } = settings;
    this.keys = {
      label: (key) => key === TEMPLATE_HASH_LABEL || key === CONTROLLER_REVISION_LABEL || keys.label(key),
      annotation: (key) => keys.annotation(key),
    };
    const { metrics } = telemetry;
    this.#states = metrics.counter("podflame_identity_followed_states", {
      help: "States of pods and containers told to those who follow them, such as a store.",
    });
    this.#failures = metrics.counter("podflame_identity_followed_failures", {
      help: "Calls of those who follow pods that failed and were made again.",
    });
    this.#dropped = metrics.counter("podflame_identity_followed_dropped", {
      help: "Changed pods that nobody was told of, for too many waited to be told.",
    });
  }

  /** Tells what the directory knows, and follows it until `detach`. */
  attach(directory: Directory): void {
    for (const record of directory.records()) this.#changed(record);
    this.#ends.set(
      directory,
      directory.changes.listen((record) => this.#changed(record)),
    );
  }

  /** What the directory knew stays valid, for nothing says that it ended. */
  detach(directory: Directory): void {
    this.#ends.get(directory)?.();
    this.#ends.delete(directory);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return this.#telling;
    this.#stopped = true;
    this.#onStop();
    for (const directory of this.#ends.keys()) this.detach(directory);
    this.#timer?.cancel();
    await this.#startTelling();
    this.#dropped.add(this.#waiting.size);
    this.#waiting.clear();
  }

  #changed(record: PodRecord): void {
    // Whoever changes again goes to the end, with all that it changed.
    this.#waiting.delete(record);
    this.#waiting.add(record);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > (this.#settings.maxWaiting ?? DEFAULT_MAX_WAITING) && oldest !== undefined) {
      this.#waiting.delete(oldest);
      this.#dropped.add();
    }
    this.#schedule(GATHERING_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#timer !== undefined || this.#telling !== undefined) return;
    this.#timer = this.#settings.telemetry.clock.timer(delayMs, () => {
      this.#timer = undefined;
      void this.#startTelling();
    });
  }

  #startTelling(): Promise<void> {
    this.#telling ??= this.#tellAll().then((isWell) => {
      this.#telling = undefined;
      if (this.#waiting.size > 0) this.#schedule(isWell ? GATHERING_MS : AGAIN_MS);
    });
    return this.#telling;
  }

  /** Until nothing waits; false as soon as the listener fails. */
  async #tellAll(): Promise<boolean> {
    while (this.#waiting.size > 0) {
      if (!(await this.#tell(this.#nextBatch()))) return false;
      // Who follows 100,000 pods must not hold up the data.
      await nextTurn();
    }
    return true;
  }

  #nextBatch(): readonly Untold[] {
    const { clock } = this.#settings.telemetry;
    const nowMs = clock.nowMs();
    const wallOffsetMs = nowMs - clock.monotonicMs();
    const batch: Untold[] = [];
    for (const record of this.#waiting) {
      if (batch.length >= BATCH_STATES) break;
      this.#waiting.delete(record);
      batch.push(...untoldOf(record, this.#settings.keys, this.#told, nowMs, wallOffsetMs));
    }
    return batch;
  }

  async #tell(batch: readonly Untold[]): Promise<boolean> {
    if (batch.length === 0) return true;
    try {
      await this.#settings.listener(batch.map(({ state }) => state));
    } catch (error) {
      this.#failures.add();
      this.#settings.telemetry.logger.warn("an identity history could not be written, trying again", { error });
      for (const { subject } of batch) this.#waiting.add("record" in subject ? subject.record : subject);
      return false;
    }
    for (const { subject, told } of batch) this.#told.set(subject, told);
    this.#states.add(batch.length);
    return true;
  }
}
