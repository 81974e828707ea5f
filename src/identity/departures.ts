import type { Clock, Timer } from "#telemetry";
import type { Claim, ContainerInstance, ObjectRecord, PodRecord } from "./records.ts";

/** What falls due within a second is dropped together. */
const SWEEP_INTERVAL_MS = 1_000;

/** What can go and come back: a pod, one of its runs, one of its keys, another object. */
export type Departing = PodRecord | ContainerInstance | Claim | ObjectRecord;

interface Departure {
  readonly subject: Departing;
  /** When it went. */
  readonly sinceMs: number;
  /** From when the grace period counts: since it went, or since it was last asked for. */
  readonly fromMs: number;
}

/** Remembers what is gone until its grace period ends, which data that still comes puts off. One timer for everything, and none while nothing is gone. */
export class Departures {
  readonly #clock: Clock;
  readonly #drop: (subject: Departing) => void;
  /** In order of `fromMs`. */
  #queue: Departure[] = [];
  #timer: Timer | undefined;
  #graceMs = 0;

  /** @param drop called for what did not come back, once for each time it went */
  constructor(clock: Clock, drop: (subject: Departing) => void) {
    this.#clock = clock;
    this.#drop = drop;
  }

  /** Keeps what is gone for at least that long; the longest wish counts. */
  keepFor(graceMs: number): void {
    this.#graceMs = Math.max(this.#graceMs, graceMs);
  }

  /** Marks the subject as gone from now on. It comes back by setting its time to `LIVE`. */
  add(subject: Departing): void {
    const sinceMs = Math.trunc(this.#clock.monotonicMs());
    subject.goneSinceMs = sinceMs;
    this.#queue.push({ subject, sinceMs, fromMs: sinceMs });
    this.#schedule();
  }

  /** What nobody has asked for since longest and is still gone, among what `matches`. */
  oldest<T extends Departing>(matches: (subject: Departing) => subject is T): T | undefined {
    for (const { subject, sinceMs } of this.#queue) {
      if (subject.goneSinceMs === sinceMs && matches(subject)) return subject;
    }
    return undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    const first = this.#queue[0];
    if (first === undefined || this.#timer !== undefined) return;
    const dueMs = first.fromMs + this.#graceMs + 1 - this.#clock.monotonicMs();
    this.#timer = this.#clock.timer(Math.max(dueMs, SWEEP_INTERVAL_MS), () => {
      this.#timer = undefined;
      this.#sweep();
      this.#schedule();
    });
  }

  #sweep(): void {
    const goneBeforeMs = this.#clock.monotonicMs() - this.#graceMs;
    const kept: Departure[] = [];
    let due = 0;
    while (due < this.#queue.length && this.#queue[due]!.fromMs < goneBeforeMs) {
      const { subject, sinceMs } = this.#queue[due++]!;
      // Otherwise it came back, and perhaps went again, which is a later entry.
      if (subject.goneSinceMs !== sinceMs) continue;
      const askedMs = "askedMs" in subject ? subject.askedMs : 0;
      if (askedMs >= goneBeforeMs && askedMs >= sinceMs) kept.push({ subject, sinceMs, fromMs: askedMs });
      else this.#drop(subject);
    }
    if (due === 0) return;
    this.#queue = this.#queue.slice(due);
    if (kept.length > 0) this.#queue = [...this.#queue, ...kept].sort((a, b) => a.fromMs - b.fromMs);
  }
}
