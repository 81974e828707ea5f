import { ExitCode } from "../exit.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Waits for Ctrl-C or SIGTERM. A second one ends the process at once. */
export class Interruption {
  /** Resolves with the first signal. */
  readonly happened: Promise<void>;
  readonly #onSignal: (signal: NodeJS.Signals) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    let seen = false;
    this.happened = promise;
    this.#onSignal = (signal) => {
      if (seen) {
        process.stderr.write(`podflame: second ${signal}, ending at once\n`);
        process.exit(ExitCode.USER);
      }
      seen = true;
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Signals do again what they do without anybody listening. */
  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
