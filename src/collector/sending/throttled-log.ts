import type { Clock, LogFields, Logger, Timer } from "#telemetry";

interface Account {
  readonly level: "warn" | "error";
  requests: number;
  items: number;
  message: string;
  fields: LogFields;
  timer: Timer | undefined;
}

/**
 * Tells of the same kind of mishap at most once an interval, with sums of what happened meanwhile, so that an outage
 * fills no disk and yet nothing lost goes unsaid. The first mishap is told at once, those after it when the interval
 * ends or at `flush`.
 */
export class ThrottledLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #accounts = new Map<string, Account>();

  constructor(logger: Logger, clock: Clock, intervalMs = 10_000) {
    this.#logger = logger;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /**
   * Counts one request with `items` spans, points, records or samples. Later calls of a kind keep its first level.
   *
   * @param kind what is told apart; from a small fixed set
   */
  tell(level: "warn" | "error", kind: string, message: string, fields: LogFields, items: number): void {
    let account = this.#accounts.get(kind);
    if (!account) {
      account = { level, requests: 0, items: 0, message, fields, timer: undefined };
      this.#accounts.set(kind, account);
    }
    account.requests++;
    account.items += items;
    account.message = message;
    account.fields = fields;
    if (!account.timer) this.#open(account);
  }

  /** Tells what is still untold, and waits for nothing any more. */
  flush(): void {
    for (const account of this.#accounts.values()) {
      account.timer?.cancel();
      account.timer = undefined;
      this.#write(account);
    }
  }

  #open(account: Account): void {
    this.#write(account);
    account.timer = this.#clock.timer(this.#intervalMs, () => {
      account.timer = undefined;
      if (account.requests > 0) this.#open(account);
    });
  }

  #write(account: Account): void {
    if (account.requests === 0) return;
    const { level, message, fields, requests, items } = account;
    account.requests = 0;
    account.items = 0;
    this.#logger[level](message, { ...fields, requests, ...(items > 0 && { items }) });
  }
}
