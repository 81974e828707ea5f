/** How long connections live, and which pings they may send: gRPC proposals A8 and A9, with grpc-go's numbers. */
import type { Clock, Timer } from "#telemetry";
import { ErrorCode, type ServerConnection } from "./http2/index.ts";
import type { ServerKeepaliveSettings } from "./settings.ts";
import { TimerSet } from "./timer-set.ts";

const HOUR_MS = 3_600_000;
/** A client that never sends its HTTP/2 preface and SETTINGS is gone after this; grpc-go's ConnectionTimeout. */
const PREFACE_TIMEOUT_MS = 120_000;
/** Between announcing the end and naming the last call taken: calls already on their way are still served. */
const DRAIN_NOTICE_MS = 1000;
const MAX_PING_STRIKES = 2;

/** Watches one connection of a server until `closed` is called. */
export class ConnectionKeeper {
  readonly #connection: ServerConnection;
  readonly #settings: ServerKeepaliveSettings;
  readonly #clock: Clock;
  readonly #timers: TimerSet;
  readonly #preface: Timer;
  #calls = 0;
  #idleSinceMs: number;
  #lastPingMs = -Infinity;
  #strikes = 0;
  #answeredSincePing = false;

  constructor(connection: ServerConnection, settings: ServerKeepaliveSettings, clock: Clock) {
    this.#connection = connection;
    this.#settings = settings;
    this.#clock = clock;
    this.#timers = new TimerSet(clock);
    this.#idleSinceMs = clock.monotonicMs();
    this.#preface = this.#timers.after(PREFACE_TIMEOUT_MS, () => this.sever());
    this.#watchIdle();
    this.#watchAge();
    this.#watchSilence();
  }

  /** The client has sent its settings and acknowledged ours. */
  ready(): void {
    this.#preface.cancel();
  }

  closed(): void {
    this.#timers.cancelAll();
  }

  callStarted(): void {
    this.#calls++;
  }

  callEnded(): void {
    this.#calls--;
    this.#idleSinceMs = this.#clock.monotonicMs();
  }

  /** A reply, or a part of one, went out: the client has reason to ping (bandwidth estimation), so strikes are forgotten. */
  answered(): void {
    this.#answeredSincePing = true;
  }

  /** Asks the client to go elsewhere: GOAWAY that refuses nothing yet, a round trip later GOAWAY for what is new. */
  drain(): void {
    this.#connection.drainNotice();
    this.#timers.after(DRAIN_NOTICE_MS, () => this.#connection.drain());
    if (!this.#connection.ping(() => this.#connection.drain())) this.#connection.drain();
  }

  /** Ends the connection now. */
  sever(): void {
    this.#connection.destroy();
  }

  /** The client has sent a PING. */
  judgePing(): void {
    const now = this.#clock.monotonicMs();
    const sinceLast = now - this.#lastPingMs;
    this.#lastPingMs = now;
    if (this.#answeredSincePing) {
      this.#answeredSincePing = false;
      this.#strikes = 0;
      return;
    }
    const mayBeIdle = this.#settings.permitWithoutStream === true;
    const minTimeMs = this.#calls === 0 && !mayBeIdle ? 2 * HOUR_MS : this.#settings.enforcementMinTimeMs || 300_000;
    if (sinceLast >= minTimeMs) return;
    // The words are the protocol's: clients double their keepalive time when they read them.
    if (++this.#strikes > MAX_PING_STRIKES) this.#connection.fail(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
  }

  #watchIdle(): void {
    const limit = this.#settings.maxConnectionIdleMs;
    if (!limit) return;
    const look = (): void => {
      const idleMs = this.#calls > 0 ? 0 : this.#clock.monotonicMs() - this.#idleSinceMs;
      if (idleMs >= limit) this.drain();
      else this.#timers.after(limit - idleMs, look);
    };
    this.#timers.after(limit, look);
  }

  #watchAge(): void {
    const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = this.#settings;
    if (!maxConnectionAgeMs) return;
    // ±10 %, so that connections made together don't come back together.
    this.#timers.after(maxConnectionAgeMs * (0.9 + 0.2 * Math.random()), () => {
      this.drain();
      if (maxConnectionAgeGraceMs) this.#timers.after(maxConnectionAgeGraceMs, () => this.sever());
    });
  }

  /** Pings a client that has been silent, and gives it up if it stays so. */
  #watchSilence(): void {
    const everyMs = this.#settings.timeMs || 2 * HOUR_MS;
    const timeoutMs = this.#settings.timeoutMs || 20_000;
    let received = this.#connection.bytesReceived;
    const look = (): void => {
      if (this.#connection.closed) return;
      const now = this.#connection.bytesReceived;
      if (now !== received) {
        received = now;
        this.#timers.after(everyMs, look);
        return;
      }
      const giveUp = this.#timers.after(timeoutMs, () => this.sever());
      this.#connection.ping(() => {
        giveUp.cancel();
        this.#timers.after(everyMs, look);
      });
    };
    this.#timers.after(everyMs, look);
  }
}
