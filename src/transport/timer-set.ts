import type { Clock, Timer } from "#telemetry";

/** The timers of one connection, which end with it. */
export class TimerSet {
  readonly #clock: Clock;
  readonly #pending = new Set<Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fire` once after `delayMs`, unless the timer or all are canceled before. */
  after(delayMs: number, fire: () => void): Timer {
    const timer = this.#clock.timer(delayMs, () => {
      this.#pending.delete(timer);
      fire();
    });
    this.#pending.add(timer);
    return {
      cancel: () => {
        timer.cancel();
        this.#pending.delete(timer);
      },
    };
  }

  cancelAll(): void {
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}
