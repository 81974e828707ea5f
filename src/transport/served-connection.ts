import type { Socket } from "node:net";
import type { Clock } from "#telemetry";
import { plainAddress } from "./address.ts";
import type { GrpcConnection } from "./grpc-call.ts";
import {
  type HeaderField,
  ServerConnection,
  type ServerConnectionEvents,
  type ServerConnectionSettings,
  type Stream,
  type StreamReceiver,
} from "./http2/index.ts";
import { ConnectionKeeper } from "./server-keepalive.ts";
import type { ServerKeepaliveSettings } from "./settings.ts";

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly http2: ServerConnectionSettings;
  readonly keepalive: ServerKeepaliveSettings;
  readonly clock: Clock;
  /** A request begins. Answered at once, or by the call that is returned. */
  begin(connection: GrpcConnection, stream: Stream, fields: readonly HeaderField[]): StreamReceiver | undefined;
  headersTooLarge(): void;
  disconnected(connection: ServedConnection): void;
}

/** One connection of a gRPC server: HTTP/2, what handlers may know of it, and how long it lives. */
export class ServedConnection implements GrpcConnection, ServerConnectionEvents {
  readonly peerAddress: string;
  readonly attachments = new Map<symbol, unknown>();
  readonly http2: ServerConnection;
  readonly keeper: ConnectionKeeper;
  readonly #host: ConnectionHost;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#host = host;
    this.peerAddress = plainAddress(socket.remoteAddress);
    this.http2 = new ServerConnection(socket, host.http2, this);
    this.keeper = new ConnectionKeeper(this.http2, host.keepalive, host.clock);
  }

  onRequest(stream: Stream, fields: readonly HeaderField[]): StreamReceiver | undefined {
    return this.#host.begin(this, stream, fields);
  }

  onHeadersTooLarge(): void {
    this.#host.headersTooLarge();
  }

  onReady(): void {
    this.keeper.ready();
  }

  onPing(): void {
    this.keeper.judgePing();
  }

  onClosed(): void {
    this.keeper.closed();
    this.#host.disconnected(this);
  }
}
