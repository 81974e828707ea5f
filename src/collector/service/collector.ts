import type { Clock, Logger } from "#telemetry";
import { BufferPool } from "#wire";
import { ConfigError, describeProblem } from "../config/config-error.ts";
import type { LoadedConfiguration } from "../config/configuration.ts";
import { FileWatch } from "../config/file-watch.ts";
import type { TelemetryConfig } from "../config/telemetry.ts";
import { errorFrom } from "../errors.ts";
import type { FeatureGates } from "../feature-gates.ts";
import { Service, type ShutdownReport } from "./service.ts";

/** What a collector is given. */
export interface CollectorSettings {
  /** Reads the configuration anew each time; rejects with `ConfigError`. */
  readonly load: () => Promise<LoadedConfiguration>;
  readonly createLogger: (logs: TelemetryConfig["logs"]) => Logger;
  readonly clock: Clock;
  /** How long draining may take. */
  readonly shutdownDeadlineMs: number;
  /** Hears of what a component can't live with; the caller is expected to call `stop`. */
  readonly onFatal: (error: Error) => void;
  /** The Collector's feature gates that were given. Default: none. */
  readonly featureGates?: FeatureGates;
  /** Whether changed files reload the configuration. Default: true. */
  readonly watchFiles?: boolean;
}

interface Running {
  readonly service: Service;
  readonly loaded: LoadedConfiguration;
  readonly logger: Logger;
}

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;

/**
 * A service that can be replaced while the process goes on. A reload takes effect only if the new configuration is
 * valid; if it's valid and yet can't start, the old one is started again. Operations run one after another.
 */
export class Collector {
  readonly buffers = new BufferPool();
  readonly #settings: CollectorSettings;
  readonly #stopping = new AbortController();
  #running: Running | undefined;
  #logger: Logger | undefined;
  #watch: FileWatch | undefined;
  #pausing: AbortController | undefined;
  #operations: Promise<unknown> = Promise.resolve();

  constructor(settings: CollectorSettings) {
    this.#settings = settings;
  }

  /** The service that runs at the moment. */
  get service(): Service | undefined {
    return this.#running?.service;
  }

  /** The logger of the configuration that was started last; undefined before the first start. */
  get logger(): Logger | undefined {
    return this.#logger;
  }

  /** @throws ConfigError or StartError */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      const loaded = await this.#settings.load();
      this.#running = await this.#run(loaded);
      this.#watchFiles(loaded);
    });
  }

  /** Replaces the configuration if the new one is valid. Never rejects: the outcome is in the log. */
  reload(why: string): Promise<void> {
    if (this.#pausing) {
      // One is under way and waits to try again: now is the time, with what the files hold now.
      this.#pausing.abort(new Error(why));
      return this.#operations.then(() => undefined);
    }
    return this.#inTurn(async () => {
      if (this.#stopping.signal.aborted || !this.#running) return;
      const { logger } = this.#running;
      logger.info("reloading the configuration", { why });
      let loaded: LoadedConfiguration;
      try {
        loaded = await this.#settings.load();
      } catch (caught) {
        logger.error("the new configuration is not valid; going on with the old one", {
          problems: caught instanceof ConfigError ? caught.problems.map(describeProblem) : errorFrom(caught).message,
        });
        return;
      }
      await this.#replace(this.#running, loaded);
      // Also where the old one runs again: the user will mend the files of the new one.
      this.#watchFiles(loaded);
    });
  }

  /** Drains and ends. A start or reload under way is finished first. */
  stop(): Promise<ShutdownReport> {
    this.#stopping.abort(new Error("the collector stops"));
    return this.#inTurn(async () => {
      this.#watch?.close();
      const running = this.#running;
      this.#running = undefined;
      return running
        ? await running.service.shutdown(this.#settings.shutdownDeadlineMs)
        : { unfinished: [], undelivered: 0, lostItems: 0 };
    });
  }

  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#operations.then(operation);
    this.#operations = result.catch(() => undefined);
    return result;
  }

  async #run(loaded: LoadedConfiguration): Promise<Running> {
    const { createLogger, clock, onFatal, featureGates } = this.#settings;
    const { logs } = loaded.configuration.service.telemetry;
    const logger = createLogger(logs);
    this.#logger = logger;
    for (const warning of loaded.warnings) logger.warn(describeProblem(warning));
    const service = new Service(loaded.configuration, {
      logger,
      clock,
      buffers: this.buffers,
      onFatal,
      ...(featureGates === undefined ? {} : { featureGates }),
    });
    await service.start();
    logger.info("everything is ready", { pipelines: loaded.configuration.service.pipelines.map(({ id }) => id) });
    return { service, loaded, logger };
  }

  /** The old service must go first: both want the same ports. */
  async #replace(old: Running, loaded: LoadedConfiguration): Promise<void> {
    this.#running = undefined;
    await old.service.shutdown(this.#settings.shutdownDeadlineMs);
    let wanted = loaded;
    for (let delayMs = FIRST_RETRY_MS; !this.#stopping.signal.aborted; delayMs = Math.min(delayMs * 2, LAST_RETRY_MS)) {
      if (await this.#try(wanted, "new")) return;
      if (await this.#try(old.loaded, "old")) return;
      this.#logger?.error("neither configuration can start; nothing runs until one does", { retry_in_ms: delayMs });
      await this.#pause(delayMs);
      wanted = await this.#settings.load().catch(() => wanted);
    }
  }

  async #try(candidate: LoadedConfiguration, which: "new" | "old"): Promise<boolean> {
    try {
      this.#running = await this.#run(candidate);
      this.#logger?.info(which === "new" ? "the new configuration is in effect" : "the old configuration runs again");
      return true;
    } catch (caught) {
      this.#logger?.error(`the ${which} configuration is valid but can't start`, { error: errorFrom(caught) });
      return false;
    }
  }

  /** Waits until the time is up, the collector stops or a reload is asked for. */
  async #pause(delayMs: number): Promise<void> {
    this.#pausing = new AbortController();
    const signal = AbortSignal.any([this.#pausing.signal, this.#stopping.signal]);
    await this.#settings.clock.sleep(delayMs, signal).catch(() => undefined);
    this.#pausing = undefined;
  }

  #watchFiles({ files }: LoadedConfiguration): void {
    if (this.#settings.watchFiles === false) return;
    this.#watch?.close();
    this.#watch = new FileWatch(files, this.#settings.clock, () => void this.reload("a file changed"));
    for (const problem of this.#watch.problems) this.#logger?.warn(problem);
  }
}
