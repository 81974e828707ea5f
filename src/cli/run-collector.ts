import { errorFrom, type Collector, type ShutdownReport } from "#collector";
import { systemClock, type Logger } from "#telemetry";
import { ExitCode, Fault } from "./exit.ts";
import { releaseStartupMemory } from "./startup-memory.ts";

/** What runs beside a collector, from its start to its end. */
export interface Companion {
  stop(): Promise<void>;
}

/** How a collector is run. */
export interface RunOptions {
  /** Begins what runs beside the collector, once that works; ends before it. */
  readonly beside?: () => Promise<Companion>;
  /** Ends by itself so long after the start, as a signal would. */
  readonly endAfterMs?: number;
}

/** Something fatal, told by a component or by the process. */
type Ending = { readonly kind: "signal" } | { readonly kind: "fatal"; readonly error: Error };

/**
 * Runs a collector until SIGINT or SIGTERM, drains it, and resolves. SIGHUP reloads. A second signal ends the process
 * at once with exit code 1; an error that nobody caught with 3.
 * @param fatal the collector's `onFatal` calls its `report`
 * @throws Fault when a component can't go on; what `Collector.start` throws
 */
export async function runCollector(collector: Collector, fatal: FatalReports, options: RunOptions = {}): Promise<void> {
  const { promise: ending, resolve: end } = Promise.withResolvers<Ending>();
  fatal.listen((error) => end({ kind: "fatal", error }));
  const handlers = signalHandlers(collector, end);
  // Nothing else needs to keep the process alive, e.g. while no configuration can start.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const started = await Promise.race([collector.start().then(() => true), ending.then(() => false)]);
    releaseStartupMemory();
    const companion = started ? await options.beside?.() : undefined;
    if (options.endAfterMs !== undefined) systemClock.timer(options.endAfterMs, () => end({ kind: "signal" }));
    const ended = await ending;
    await companion?.stop();
    const report = await collector.stop();
    conclude(collector.logger, report);
    if (ended.kind === "fatal") throw new Fault(ExitCode.MISSING, ended.error.message, { cause: ended.error });
  } finally {
    clearInterval(alive);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}

/** Fatal errors of components, before and after somebody listens. */
export class FatalReports {
  #listener: ((error: Error) => void) | undefined;
  #early: Error | undefined;

  readonly report = (error: Error): void => {
    if (this.#listener) this.#listener(error);
    else this.#early ??= error;
  };

  listen(listener: (error: Error) => void): void {
    this.#listener = listener;
    if (this.#early) listener(this.#early);
  }
}

function signalHandlers(collector: Collector, end: (ending: Ending) => void): [NodeJS.Signals, () => void][] {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) {
      process.stderr.write(`podflame: second ${signal}, ending at once\n`);
      process.exit(ExitCode.USER);
    }
    stopping = true;
    collector.logger?.info("stopping: intake ends, what is under way is delivered", { signal });
    end({ kind: "signal" });
  };
  const handlers: [NodeJS.Signals, () => void][] = [
    ["SIGINT", () => stop("SIGINT")],
    ["SIGTERM", () => stop("SIGTERM")],
    ["SIGHUP", () => void collector.reload("SIGHUP")],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  for (const kind of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(kind, (caught: unknown) => {
      const error = errorFrom(caught);
      const fields = { error, stack: error.stack, kind };
      if (collector.logger) collector.logger.error("bug: an error that nobody caught; ending", fields);
      else process.stderr.write(`podflame: this is a bug in podflame: ${error.stack}\n`);
      process.exit(ExitCode.BUG);
    });
  }
  return handlers;
}

function conclude(logger: Logger | undefined, { unfinished, undelivered, lostItems }: ShutdownReport): void {
  if (unfinished.length === 0 && undelivered === 0 && lostItems === 0) return logger?.info("stopped; all is delivered");
  logger?.warn("stopped; not all could be delivered", {
    unfinished,
    unanswered_requests: undelivered,
    lost_items: lostItems,
  });
}
