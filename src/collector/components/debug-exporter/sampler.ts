const WINDOW_MS = 1000;

/** The first few of each second, then every so manieth: zap's sampling, which upstream's settings mean. */
export class Sampler {
  readonly #initial: number;
  readonly #thereafter: number;
  #windowStartMs = -Infinity;
  #count = 0;

  /** @param thereafter 1 lets all through, 0 none after the first `initial` */
  constructor(initial: number, thereafter: number) {
    this.#initial = initial;
    this.#thereafter = thereafter;
  }

  /** Whether the event at `nowMs` is one to tell. */
  take(nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count <= this.#initial) return true;
    return this.#thereafter > 0 && (this.#count - this.#initial) % this.#thereafter === 0;
  }
}
