/** One HTTP/2 connection of a client: how it is opened, kept alive, and when its calls have taken too long. */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Clock, Timer } from "#telemetry";
import {
  ClientConnection,
  type ClientConnectionEvents,
  type ConnectionSettings,
  ErrorCode,
  type OutgoingHead,
  type Stream,
  type StreamReceiver,
} from "./http2/index.ts";
import type { ClientKeepaliveSettings, ClientTlsSettings } from "./settings.ts";
import { TimerSet } from "./timer-set.ts";
import { loadClientTls } from "./tls.ts";

/** Where a connection goes. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** What all connections of a client share. */
export interface ConnectSettings {
  /** The name in the endpoint, for certificates and `:authority`. */
  readonly hostname: string;
  readonly authority: string;
  readonly tls: ClientTlsSettings | undefined;
  readonly keepalive: ClientKeepaliveSettings | undefined;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
}

/** grpc-go's floor for keepalive; servers send away who pings more often. */
const MIN_KEEPALIVE_MS = 10_000;
const STREAM_WINDOW_BYTES = 1 << 20;
const CONNECTION_WINDOW_BYTES = 4 << 20;
const MAX_HEADER_BYTES = 64 << 10;
/** Replies are small; one read holds those of many calls. */
const READ_BYTES = 64 << 10;

/**
 * Opens a connection and waits for the server's SETTINGS: only then is it known to speak HTTP/2.
 * @throws Error that says what failed
 */
export async function openSession(address: Address, settings: ConnectSettings): Promise<ClientSession> {
  const session = new ClientSession(address, settings);
  await session.ready;
  return session;
}

/** A connection that works until `onClose`. */
export class ClientSession implements ClientConnectionEvents {
  readonly #connection: ClientConnection;
  readonly #settings: ConnectSettings;
  readonly #timers: TimerSet;
  readonly #ready = Promise.withResolvers<void>();
  readonly #connecting: Timer;
  readonly #closed: (() => void)[] = [];
  #keepaliveMs = Infinity;
  #read = 0;

  /** @internal Use `openSession`. */
  constructor(address: Address, settings: ConnectSettings) {
    this.#settings = settings;
    this.#timers = new TimerSet(settings.clock);
    this.#connection = settings.tls
      ? this.#connectTls(address, settings.tls, settings)
      : this.#connectPlain(address, settings);
    this.#connecting = this.#timers.after(settings.connectTimeoutMs, () =>
      this.destroy(new Error(`no HTTP/2 connection within ${settings.connectTimeoutMs} ms`)),
    );
  }

  #connectPlain(address: Address, { clock }: ConnectSettings): ClientConnection {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes: number, chunk: Uint8Array): boolean => {
        connection.receive(chunk as Buffer, bytes);
        return true;
      },
    };
    const socket = net.connect({ ...address, noDelay: true, allowHalfOpen: true, onread });
    const connection = new ClientConnection(socket, http2Settings(clock), this, true);
    return connection;
  }

  #connectTls(address: Address, settings: ClientTlsSettings, { hostname, clock }: ConnectSettings): ClientConnection {
    // Files are read for each connection: a renewed certificate is used by the next one.
    const loaded = loadClientTls(settings);
    const servername = loaded.servername ?? (net.isIP(hostname) === 0 ? hostname : "");
    const options = { ...address, ...loaded, servername, ALPNProtocols: ["h2"], allowHalfOpen: true };
    const socket = tls.connect(options).setNoDelay(true);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol === "h2") return;
      this.destroy(new Error("the server doesn't offer HTTP/2 over TLS (ALPN h2)"));
    });
    return new ClientConnection(socket, http2Settings(clock), this, false);
  }

  /** Settles when the connection works, or has failed. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Why the connection ended, where that is known. */
  get failure(): Error | undefined {
    return this.#connection.failure;
  }

  /** Whether calls may begin: no GOAWAY, not closed. */
  get usable(): boolean {
    return this.#connection.usable;
  }

  /** Begins a call. Undefined where the connection is ending; nothing was sent then. */
  request(head: OutgoingHead, body: Uint8Array, receiver: StreamReceiver): Stream | undefined {
    return this.#connection.request(head, body, receiver);
  }

  /** Gives up a call. */
  cancel(stream: Stream): void {
    this.#connection.reset(stream, ErrorCode.CANCEL);
  }

  onClose(listener: () => void): void {
    if (this.#connection.closed) listener();
    else this.#closed.push(listener);
  }

  onReady(): void {
    this.#connecting.cancel();
    if (this.#settings.keepalive) this.#keepAlive(this.#settings.keepalive);
    this.#ready.resolve();
  }

  onGoaway(code: number): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM) this.#keepaliveMs *= 2;
  }

  onClosed(): void {
    this.#timers.cancelAll();
    this.#ready.reject(this.failure ?? new Error("connection closed before the server's HTTP/2 settings came"));
    for (const listener of this.#closed.splice(0)) listener();
  }

  /** Pings a server that has been silent while calls are under way, and gives it up if it stays so. */
  #keepAlive(keepalive: ClientKeepaliveSettings): void {
    this.#keepaliveMs = Math.max(MIN_KEEPALIVE_MS, keepalive.timeMs || Infinity);
    if (this.#keepaliveMs === Infinity) return;
    const timeoutMs = keepalive.timeoutMs || 20_000;
    this.#read = this.#connection.bytesReceived;
    const look = (): void => {
      if (this.#connection.closed) return;
      const now = this.#connection.bytesReceived;
      const dormant = this.#connection.openStreams === 0 && keepalive.permitWithoutStream !== true;
      if (dormant || now !== this.#read) {
        this.#read = now;
        this.#timers.after(this.#keepaliveMs, look);
        return;
      }
      const giveUp = this.#timers.after(timeoutMs, () =>
        this.destroy(new Error("the server doesn't answer keepalive pings")),
      );
      this.#connection.ping(() => {
        giveUp.cancel();
        this.#timers.after(this.#keepaliveMs, look);
      });
    };
    this.#timers.after(this.#keepaliveMs, look);
  }

  /** Lets calls under way finish; begins no others. */
  drain(): void {
    this.#connection.drain();
  }

  destroy(reason: Error): void {
    this.#connection.destroy(reason);
  }
}

function http2Settings(clock: Clock): ConnectionSettings {
  return {
    clock,
    streamWindowBytes: STREAM_WINDOW_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
    maxHeaderListBytes: MAX_HEADER_BYTES,
  };
}
