import type { Clock, Timer } from "#telemetry";

/**
 * Aborts when nothing has been heard for `idleMs`: a connection whose other end vanished looks like a quiet one. One
 * timer at a time, moved on only when it fires, so that `heard` costs next to nothing.
 */
export class IdleGuard {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #what: string;
  readonly #controller = new AbortController();
  #heardMs: number;
  #timer: Timer;

  constructor(clock: Clock, idleMs: number, what: string) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#what = what;
    this.#heardMs = clock.monotonicMs();
    this.#timer = clock.timer(idleMs, () => this.#check());
  }

  /** Aborted, with the reason, when it was quiet for too long. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
  }

  end(): void {
    this.#timer.cancel();
  }

  #check(): void {
    const left = this.#heardMs + this.#idleMs - this.#clock.monotonicMs();
    // Below a millisecond it is rounding, which would make timers of no length for ever.
    if (left >= 1) this.#timer = this.#clock.timer(left, () => this.#check());
    else this.#controller.abort(new Error(`${this.#what}: nothing heard for ${Math.round(this.#idleMs / 1000)} s`));
  }
}
