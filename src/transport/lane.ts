import type { Clock, Timer } from "#telemetry";
import { ConnectionBackoff } from "./backoff.ts";
import { type Address, type ClientSession, type ConnectSettings, openSession } from "./client-session.ts";

/** `waiting` is the back-off after a failed attempt: until its end nobody tries, and calls fail with the same error. */
type LaneState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: Promise<ClientSession> }
  | { readonly kind: "ready"; readonly session: ClientSession }
  | { readonly kind: "waiting"; readonly untilMs: number; readonly error: Error; readonly timer: Timer }
  | { readonly kind: "closed" };

/**
 * Keeps at most one usable connection to the first of its addresses that answers. It connects when it is asked to, not
 * by itself; a session that was told to go away drains beside its successor.
 */
export class Lane {
  readonly #settings: ConnectSettings;
  readonly #clock: Clock;
  readonly #onLost: () => void;
  readonly #backoff: ConnectionBackoff;
  readonly #sessions = new Set<ClientSession>();
  #addresses: readonly Address[];
  #state: LaneState = { kind: "idle" };

  /** @param onLost called when an attempt failed or a connection ended: the addresses may have changed */
  constructor(addresses: readonly Address[], settings: ConnectSettings, onLost: () => void, random?: () => number) {
    this.#addresses = addresses;
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#onLost = onLost;
    this.#backoff = new ConnectionBackoff(random);
  }

  set addresses(addresses: readonly Address[]) {
    this.#addresses = addresses;
  }

  /** The connection, if there is one that takes calls. */
  get session(): ClientSession | undefined {
    if (this.#state.kind !== "ready") return undefined;
    if (this.#state.session.usable) return this.#state.session;
    this.#state = { kind: "idle" };
    this.#onLost();
    return undefined;
  }

  /** Milliseconds until the lane tries again; 0 if it would now. */
  get waitMs(): number {
    return this.#state.kind === "waiting" ? Math.max(0, this.#state.untilMs - this.#clock.monotonicMs()) : 0;
  }

  /** The connection, made if need be. @throws Error of the last attempt, at once while its back-off runs */
  connect(): Promise<ClientSession> {
    const session = this.session;
    if (session) return Promise.resolve(session);
    switch (this.#state.kind) {
      case "connecting":
        return this.#state.attempt;
      case "waiting":
        return Promise.reject(this.#state.error);
      case "closed":
        return Promise.reject(new Error("the client is closed"));
      case "idle":
      case "ready": {
        const attempt = this.#attempt();
        this.#state = { kind: "connecting", attempt };
        // Whoever asked sees the failure; nobody may be left.
        attempt.catch(() => undefined);
        return attempt;
      }
    }
  }

  async #attempt(): Promise<ClientSession> {
    let failure: Error | undefined;
    for (const address of this.#addresses) {
      try {
        const session = await openSession(address, this.#settings);
        return this.#opened(session);
      } catch (error) {
        failure = error as Error;
        if (this.#state.kind === "closed") break;
      }
    }
    failure ??= new Error("the name has no addresses");
    if (this.#state.kind !== "closed") {
      const delayMs = this.#backoff.next();
      const timer = this.#clock.timer(delayMs, () => {
        if (this.#state.kind === "waiting") this.#state = { kind: "idle" };
      });
      this.#state = { kind: "waiting", untilMs: this.#clock.monotonicMs() + delayMs, error: failure, timer };
      this.#onLost();
    }
    throw failure;
  }

  #opened(session: ClientSession): ClientSession {
    if (this.#state.kind === "closed") {
      const reason = new Error("the client is closed");
      session.destroy(reason);
      throw reason;
    }
    this.#backoff.reset();
    this.#sessions.add(session);
    this.#state = { kind: "ready", session };
    session.onClose(() => {
      this.#sessions.delete(session);
      if (this.#state.kind !== "ready" || this.#state.session !== session) return;
      this.#state = { kind: "idle" };
      this.#onLost();
    });
    return session;
  }

  /** The address is gone: calls under way finish. */
  drain(): void {
    this.#end();
    for (const session of this.#sessions) session.drain();
  }

  close(reason: Error): void {
    this.#end();
    for (const session of this.#sessions) session.destroy(reason);
  }

  #end(): void {
    if (this.#state.kind === "waiting") this.#state.timer.cancel();
    this.#state = { kind: "closed" };
  }
}
