import { type Clock, systemClock, type Timer } from "#telemetry";
import { showCount } from "../inspect/text-table.ts";

/** What there is to tell while a recording runs. */
export interface RecordState {
  readonly samples: number;
  /** Samples that the kernel or the profiler could not keep. */
  readonly lost: number;
}

/** Where progress is shown. */
export type ProgressStream = Pick<NodeJS.WriteStream, "isTTY"> & { write(text: string): unknown };

/** Between two lines on a terminal. */
const EVERY_MS = 500;

/** Shows on a terminal how far a recording is: one line, written anew. Elsewhere it says nothing. */
export class RecordProgress {
  readonly #state: () => RecordState;
  readonly #durationMs: number | undefined;
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  readonly #startMs: number;
  #timer: Timer | undefined;

  /** @param durationMs how long it will take; undefined where a command decides */
  constructor(
    state: () => RecordState,
    durationMs: number | undefined,
    stream: ProgressStream = process.stderr,
    clock: Clock = systemClock,
  ) {
    this.#state = state;
    this.#durationMs = durationMs;
    this.#stream = stream;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    if (stream.isTTY) this.#schedule();
  }

  /** Clears the line. */
  end(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#stream.write("\r\x1b[K");
  }

  #schedule(): void {
    this.#timer = this.#clock.timer(EVERY_MS, () => {
      this.#show();
      this.#schedule();
    });
  }

  #show(): void {
    const { samples, lost } = this.#state();
    const seconds = (ms: number): string => String(Math.floor(ms / 1000));
    const time = seconds(this.#clock.monotonicMs() - this.#startMs);
    const of = this.#durationMs === undefined ? "" : ` of ${seconds(this.#durationMs)}`;
    const losses = lost > 0 ? `, ${showCount(lost)} lost` : "";
    this.#stream.write(`\r\x1b[Kpodflame: ${time}${of} s, ${showCount(samples)} samples${losses}; Ctrl-C ends it`);
  }
}
