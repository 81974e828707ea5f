import { showCount } from "../inspect/text-table.ts";

/** What there is to tell while a recording runs. */
export interface RecordState {
  readonly samples: number;
  /** In samples; those that the kernel or the profiler could not keep. */
  readonly lost: number;
}

/** Between two lines on a terminal. */
const EVERY_MS = 500;

/** Shows on a terminal how far a recording is: one line, written anew. Elsewhere it says nothing. */
export class RecordProgress {
  readonly #stream: Pick<NodeJS.WriteStream, "isTTY" | "write">;
  readonly #state: () => RecordState;
  readonly #endMs: number | undefined;
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param durationMs how long it will take; undefined where a command decides */
  constructor(
    state: () => RecordState,
    durationMs: number | undefined,
    stream: Pick<NodeJS.WriteStream, "isTTY" | "write"> = process.stderr,
  ) {
    this.#stream = stream;
    this.#state = state;
    this.#endMs = durationMs;
    if (stream.isTTY) this.#timer = setInterval(() => this.#show(), EVERY_MS);
  }

  /** Clears the line. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#stream.write("\r\x1b[K");
  }

  #show(): void {
    const { samples, lost } = this.#state();
    const seconds = (ms: number): string => (ms / 1000).toFixed(0);
    const time = seconds(performance.now() - this.#startedMs);
    const of = this.#endMs === undefined ? "" : ` of ${seconds(this.#endMs)}`;
    this.#stream.write(
      `\r\x1b[Kpodflame: ${time}${of} s, ${showCount(samples)} samples${lost > 0 ? `, ${showCount(lost)} lost` : ""}; ` +
        "Ctrl-C ends it",
    );
  }
}
