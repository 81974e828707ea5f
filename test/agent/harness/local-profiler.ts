/** The profiler in the test's own process, and all that it delivered. */
import { DEFAULT_PROFILER_SETTINGS, Profiler, type ProfilerAccounts, type ProfilerSettings } from "#profiler";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { setTimeout as delay } from "node:timers/promises";
import { readSamples, type Sample } from "./samples.ts";

/** Between two requests of a test that waits: each takes time of the same CPUs. */
const LOOK_INTERVAL_MS = 200;
/** How long the last names may take on a busy machine. */
const NAME_WITHIN_MS = 5000;

/** A profiler at work; disposing of it stops it. */
export class LocalProfiler implements AsyncDisposable {
  readonly metrics = new MetricRegistry();
  /** All that was delivered so far. */
  readonly samples: Sample[] = [];
  /** The requests as they came. */
  readonly requests: Uint8Array[] = [];
  readonly #profiler: Profiler;
  #stopped = false;

  /** Starts to sample: 199 Hz and a request each second, unless told otherwise. */
  constructor(settings: Partial<ProfilerSettings> = {}) {
    const chosen = { ...DEFAULT_PROFILER_SETTINGS, frequencyHz: 199, reporterIntervalMs: 1000, ...settings };
    const telemetry = { metrics: this.metrics, logger: silentLogger, clock: systemClock };
    this.#profiler = new Profiler(chosen, telemetry, async (request) => {
      // The bytes are the profiler's again when this settles.
      const copy = request.slice();
      this.requests.push(copy);
      this.samples.push(...readSamples(copy));
    });
    this.#profiler.start();
  }

  accounts(): ProfilerAccounts {
    return this.#profiler.accounts();
  }

  /** Sampling periods of all kinds accounted for until now, with the time; what was sampled is delivered first. */
  async periods(): Promise<{ readonly periods: number; readonly atMs: number }> {
    await this.flush();
    const { samples, idle, denied, lost } = this.accounts();
    const periods = Object.values(lost).reduce((sum, each) => sum + each, samples + idle + denied);
    return { periods, atMs: performance.now() };
  }

  setFrequency(hz: number): void {
    this.#profiler.setFrequency(hz);
  }

  /** Waits for a request that makes the condition true. The test's own time limit ends the waiting. */
  async until(holds: (samples: readonly Sample[]) => boolean): Promise<void> {
    while (!holds(this.samples)) {
      await delay(LOOK_INTERVAL_MS);
      if (!this.#stopped) await this.#profiler.flushNow();
    }
  }

  /** Delivers what was sampled until now. */
  flush(): Promise<void> {
    return this.#profiler.flushNow();
  }

  /** Ends sampling; what was sampled until now is delivered. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#profiler.stop(NAME_WITHIN_MS);
  }

  /** Samples of a container. */
  of(container: { readonly id: string }): Sample[] {
    return this.samples.filter(({ resource }) => resource["container.id"] === container.id);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
