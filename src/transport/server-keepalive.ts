/** How long connections live, and which pings they may send: gRPC proposals A8 and A9, with grpc-go's numbers. */
import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Clock, Timer } from "#telemetry";
import type { ServerKeepaliveSettings } from "./settings.ts";

const HOUR_MS = 3_600_000;
/** A client that never sends its HTTP/2 preface and SETTINGS is gone after this; grpc-go's ConnectionTimeout. */
const PREFACE_TIMEOUT_MS = 120_000;
/** Between announcing the end and naming the last call taken: calls already on their way are still served. */
const DRAIN_NOTICE_MS = 1000;
const MAX_PING_STRIKES = 2;
const LAST_POSSIBLE_STREAM = 2 ** 31 - 1;

/** Watches one connection of a server until it closes. */
export class ConnectionKeeper {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #settings: ServerKeepaliveSettings;
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #calls = 0;
  #idleSinceMs: number;
  #draining = false;
  #lastPingMs = -Infinity;
  #strikes = 0;
  #answeredSincePing = false;

  constructor(session: ServerHttp2Session, socket: Socket, settings: ServerKeepaliveSettings, clock: Clock) {
    this.#session = session;
    this.#socket = socket;
    this.#settings = settings;
    this.#clock = clock;
    this.#idleSinceMs = clock.monotonicMs();
    session.once("close", () => {
      for (const timer of this.#timers) timer.cancel();
      this.#timers.clear();
    });
    session.on("ping", () => this.#judgePing());
    const preface = this.#after(PREFACE_TIMEOUT_MS, () => this.sever());
    session.once("remoteSettings", () => preface.cancel());
    this.#watchIdle();
    this.#watchAge();
    this.#watchSilence();
  }

  callStarted(): void {
    this.#calls++;
  }

  callEnded(): void {
    this.#calls--;
    this.#idleSinceMs = this.#clock.monotonicMs();
    if (this.#draining && this.#calls === 0) this.#close();
  }

  /** A reply went out: the client has reason to ping (bandwidth estimation), so strikes are forgotten. */
  answered(): void {
    this.#answeredSincePing = true;
  }

  /**
   * Asks the client to go elsewhere: GOAWAY that refuses nothing yet, a round trip later GOAWAY for what is new. Without
   * a call under way the second comes at once, for nghttp2 reads no more from such a connection after any GOAWAY; what
   * was on its way is refused then, and sent elsewhere by the client.
   */
  drain(): void {
    if (this.#draining || this.#session.destroyed) return;
    this.#draining = true;
    if (this.#calls === 0) {
      this.#close();
      return;
    }
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_POSSIBLE_STREAM);
    this.#after(DRAIN_NOTICE_MS, () => this.#close());
    if (!this.#session.ping(() => this.#close())) this.#close();
  }

  /** Ends the connection now. */
  sever(): void {
    this.#session.destroy();
    // By itself a session first writes GOAWAY, which a peer that doesn't read lets it do for ever.
    this.#socket.destroy();
  }

  #close(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  #after(delayMs: number, fire: () => void): Timer {
    const timer = this.#clock.timer(delayMs, () => {
      this.#timers.delete(timer);
      fire();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  #watchIdle(): void {
    const limit = this.#settings.maxConnectionIdleMs;
    if (!limit) return;
    const look = (): void => {
      const idleMs = this.#calls > 0 ? 0 : this.#clock.monotonicMs() - this.#idleSinceMs;
      if (idleMs >= limit) this.drain();
      else this.#after(limit - idleMs, look);
    };
    this.#after(limit, look);
  }

  #watchAge(): void {
    const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = this.#settings;
    if (!maxConnectionAgeMs) return;
    // ±10 %, so that connections made together don't come back together.
    this.#after(maxConnectionAgeMs * (0.9 + 0.2 * Math.random()), () => {
      this.drain();
      if (maxConnectionAgeGraceMs) this.#after(maxConnectionAgeGraceMs, () => this.sever());
    });
  }

  /** Pings a client that has been silent, and gives it up if it stays so. */
  #watchSilence(): void {
    const everyMs = this.#settings.timeMs || 2 * HOUR_MS;
    const timeoutMs = this.#settings.timeoutMs || 20_000;
    let read = this.#socket.bytesRead;
    const look = (): void => {
      if (this.#session.destroyed) return;
      const now = this.#socket.bytesRead;
      if (now !== read) {
        read = now;
        this.#after(everyMs, look);
        return;
      }
      const giveUp = this.#after(timeoutMs, () => this.sever());
      this.#session.ping(() => {
        giveUp.cancel();
        if (!this.#session.destroyed) this.#after(everyMs, look);
      });
    };
    this.#after(everyMs, look);
  }

  #judgePing(): void {
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
    if (++this.#strikes > MAX_PING_STRIKES) {
      // The words are the protocol's: clients double their keepalive time when they read them.
      this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too_many_pings"));
      this.#session.close();
      this.#after(DRAIN_NOTICE_MS, () => this.sever());
    }
  }
}
