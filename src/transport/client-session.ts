/** One HTTP/2 connection of a client: how it is opened, kept alive, and when its messages may be reused. */
import * as http2 from "node:http2";
import * as net from "node:net";
import * as tls from "node:tls";
import type { MessageBuffer } from "#wire";
import type { Clock, Timer } from "#telemetry";
import type { ClientKeepaliveSettings, ClientTlsSettings } from "./settings.ts";
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
const BARRIER_TIMEOUT_MS = 20_000;

/**
 * Opens a connection and waits for the server's SETTINGS: only then is it known to speak HTTP/2.
 * @throws Error that says what failed
 */
export async function openSession(address: Address, settings: ConnectSettings): Promise<ClientSession> {
  const socket = openSocket(address, settings);
  const scheme = settings.tls ? "https" : "http";
  const session = http2.connect(`${scheme}://${settings.authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: 1 << 20 },
    // A queue of big messages is what this is for; the default of 10 MB refuses streams beyond it.
    maxSessionMemory: 256,
  });
  const sever = (reason: Error): void => {
    session.destroy(reason);
    // By itself a session first writes GOAWAY, which a peer that doesn't read lets it do for ever.
    socket.destroy();
  };
  // A TLS alert after the handshake (TLS 1.3: "certificate required") ends neither socket nor session.
  socket.on("error", sever);
  await new Promise<void>((resolve, reject) => {
    const timer = settings.clock.timer(settings.connectTimeoutMs, () => {
      sever(new Error(`no HTTP/2 connection within ${settings.connectTimeoutMs} ms`));
    });
    let failure: Error | undefined;
    session.on("error", (error: Error) => (failure ??= error));
    session.once("connect", () => {
      const protocol = socket instanceof tls.TLSSocket ? socket.alpnProtocol : "h2";
      if (protocol !== "h2") sever(new Error("the server doesn't offer HTTP/2 over TLS (ALPN h2)"));
    });
    const closed = (): void => {
      timer.cancel();
      reject(failure ?? new Error("connection closed before the server's HTTP/2 settings came"));
    };
    session.once("close", closed);
    session.once("remoteSettings", () => {
      timer.cancel();
      session.off("close", closed);
      resolve();
    });
  });
  return new ClientSession(session, sever, settings);
}

function openSocket(address: Address, settings: ConnectSettings): net.Socket {
  const to = "path" in address ? { path: address.path } : { host: address.host, port: address.port };
  if (!settings.tls) return net.connect({ ...to, noDelay: true });
  // Files are read for each connection: a renewed certificate is used by the next one.
  const loaded = loadClientTls(settings.tls);
  const servername = loaded.servername ?? (net.isIP(settings.hostname) === 0 ? settings.hostname : "");
  return tls.connect({ ...to, ...loaded, servername, ALPNProtocols: ["h2"] }).setNoDelay(true);
}

/** A connection that works until `close`. */
export class ClientSession {
  readonly #session: http2.ClientHttp2Session;
  readonly #sever: (reason: Error) => void;
  readonly #settings: ConnectSettings;
  readonly #timers = new Set<Timer>();
  readonly #quarantine: MessageBuffer[] = [];
  #barrier = false;
  #calls = 0;
  #usable = true;
  /** Why the connection ended, where that is known. */
  failure: Error | undefined;

  constructor(session: http2.ClientHttp2Session, sever: (reason: Error) => void, settings: ConnectSettings) {
    this.#session = session;
    this.#sever = sever;
    this.#settings = settings;
    session.on("error", (error: Error) => (this.failure ??= error));
    session.once("goaway", (code: number, _last: number, opaque?: Uint8Array) => {
      this.#usable = false;
      if (code !== http2.constants.NGHTTP2_NO_ERROR) {
        const words = opaque ? Buffer.from(opaque).toString("utf8").slice(0, 200) : "";
        this.failure ??= new Error(`the server sent GOAWAY ${code} ${words}`.trim());
      }
    });
    session.once("close", () => {
      this.#usable = false;
      for (const timer of this.#timers) timer.cancel();
      for (const message of this.#quarantine.splice(0)) message.release();
    });
    if (settings.keepalive) this.#keepAlive(settings.keepalive);
  }

  /** Whether calls may begin: no GOAWAY, not closed. */
  get usable(): boolean {
    return this.#usable && !this.#session.closed && !this.#session.destroyed;
  }

  get destroyed(): boolean {
    return this.#session.destroyed;
  }

  /** Begins a call. @throws Error where the connection is ending; nothing was sent then */
  request(headers: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#calls++;
    stream.once("close", () => this.#calls--);
    return stream;
  }

  onClose(listener: () => void): void {
    if (this.#session.destroyed) listener();
    else this.#session.once("close", listener);
  }

  /**
   * Releases the message of a call that ended before its reply: pieces of it may wait in the socket, and would be sent
   * with whatever stands in their memory then. A PING that comes back has pushed them out.
   */
  releaseWhenFlushed(message: MessageBuffer): void {
    if (this.#session.destroyed) {
      message.release();
      return;
    }
    this.#quarantine.push(message);
    this.#raiseBarrier();
  }

  #raiseBarrier(): void {
    if (this.#barrier || this.#quarantine.length === 0 || this.#session.destroyed) return;
    this.#barrier = true;
    const behind = this.#quarantine.length;
    const giveUp = this.#after(BARRIER_TIMEOUT_MS, () => this.destroy(new Error("connection is stuck")));
    const sent = this.#session.ping((error: Error | null) => {
      giveUp.cancel();
      this.#barrier = false;
      if (error) return;
      for (const message of this.#quarantine.splice(0, behind)) message.release();
      this.#raiseBarrier();
    });
    // Too many pings under way, or closing: the connection's end releases.
    if (!sent) giveUp.cancel();
  }

  /** Pings a server that has been silent while calls are under way, and gives it up if it stays so. */
  #keepAlive(keepalive: ClientKeepaliveSettings): void {
    let everyMs = Math.max(MIN_KEEPALIVE_MS, keepalive.timeMs || Infinity);
    if (everyMs === Infinity) return;
    const timeoutMs = keepalive.timeoutMs || 20_000;
    this.#session.once("goaway", (code: number) => {
      if (code === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM) everyMs *= 2;
    });
    let read = this.#session.socket.bytesRead;
    const look = (): void => {
      if (this.#session.destroyed) return;
      const now = this.#session.socket.bytesRead;
      const dormant = this.#calls === 0 && keepalive.permitWithoutStream !== true;
      if (dormant || now !== read) {
        read = now;
        this.#after(everyMs, look);
        return;
      }
      const giveUp = this.#after(timeoutMs, () => this.destroy(new Error("the server doesn't answer keepalive pings")));
      this.#session.ping(() => {
        giveUp.cancel();
        if (!this.#session.destroyed) this.#after(everyMs, look);
      });
    };
    this.#after(everyMs, look);
  }

  #after(delayMs: number, fire: () => void): Timer {
    const timer = this.#settings.clock.timer(delayMs, () => {
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

  /** Lets calls under way finish; begins no others. */
  drain(): void {
    this.#usable = false;
    if (!this.#session.closed) this.#session.close();
  }

  destroy(reason: Error): void {
    this.failure ??= reason;
    this.#sever(reason);
  }
}
