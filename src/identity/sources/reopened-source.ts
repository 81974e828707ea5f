import type { Telemetry } from "#telemetry";
import type { PodSource, SourceState } from "../pod-source.ts";

/** Credentials and addresses are mended by people. */
const AGAIN_MS = 30_000;

/**
 * A source that may not be openable yet: tried at once, and every half a minute until it is. Resolves after the first
 * attempt, whatever came of it.
 * @param from where it would read, for people
 */
export async function openAgainAndAgain(
  open: () => Promise<PodSource>,
  from: string,
  telemetry: Telemetry,
): Promise<PodSource> {
  const source = new ReopenedSource(open, from, telemetry);
  await source.attempt();
  return source;
}

class ReopenedSource implements PodSource {
  readonly #open: () => Promise<PodSource>;
  readonly #from: string;
  readonly #telemetry: Telemetry;
  readonly #stopping = new AbortController();
  #source: PodSource | undefined;
  #failure: string | undefined;
  #trying: Promise<void> | undefined;

  constructor(open: () => Promise<PodSource>, from: string, telemetry: Telemetry) {
    this.#open = open;
    this.#from = from;
    this.#telemetry = telemetry;
  }

  async attempt(): Promise<void> {
    try {
      const source = await this.#open();
      if (this.#stopping.signal.aborted) return await source.stop();
      this.#source = source;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#failure) {
        this.#telemetry.logger.warn("cannot follow a source of pods, going on with the others", {
          source: this.#from,
          error,
        });
      }
      this.#failure = message;
      this.#trying = this.#again();
    }
  }

  state(): SourceState {
    return this.#source?.state() ?? { from: this.#from, synced: false, lastError: this.#failure };
  }

  refresh(): void {
    this.#source?.refresh?.();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the source is stopped"));
    await this.#trying;
    await this.#source?.stop();
  }

  async #again(): Promise<void> {
    const { signal } = this.#stopping;
    // Rejects only when stopped.
    await this.#telemetry.clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    if (!signal.aborted) await this.attempt();
  }
}
