import { readFile } from "node:fs/promises";
import { type GatewayConnection, HEARTBEAT_MS } from "#identity";
import { type CallResult, createGrpcClient, type GrpcClientSettings, type TransportContext } from "#transport";
import { FOLLOW_NODE } from "./follow-method.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Two signs of life may be lost. */
const MAX_SILENCE_MS = 3 * HEARTBEAT_MS;

/** How an agent reaches its gateway. */
export interface GatewaySettings {
  readonly client: GrpcClientSettings;
  /** Holds the token that the gateway asks for; undefined for none. Read for each attempt. */
  readonly tokenFile: string | undefined;
}

/** gRPC to a gateway: a connection for each attempt, so that whoever asks decides when the next is tried. */
export class GatewayStream implements GatewayConnection {
  readonly #settings: GatewaySettings;
  readonly #context: TransportContext;

  constructor(settings: GatewaySettings, context: TransportContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async follow(request: Uint8Array, onMessage: (message: Uint8Array) => void, signal: AbortSignal): Promise<Error> {
    const { client: settings, tokenFile } = this.#settings;
    let headers: Record<string, string> = {};
    if (tokenFile !== undefined) {
      try {
        headers = { authorization: `Bearer ${(await readFile(tokenFile, "utf8")).trim()}` };
      } catch (cause) {
        return new Error(`the gateway's token can't be read: ${(cause as Error).message}`, { cause });
      }
    }
    // The gateway's signs of life do what pings would, which servers count against their clients.
    const client = createGrpcClient({ ...settings, keepalive: undefined }, this.#context);
    const message = this.#context.buffers.copyOf(request);
    try {
      const options = { connectTimeoutMs: CONNECT_TIMEOUT_MS, maxSilenceMs: MAX_SILENCE_MS };
      return failure(await client.stream(FOLLOW_NODE, message, { ...options, headers, signal, onMessage }));
    } catch (error) {
      return error as Error;
    } finally {
      message.release();
      await client.close();
    }
  }

  /** Connections end with their attempts. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function failure({ grpcStatus, httpStatus, message, cause }: CallResult): Error {
  const code = grpcStatus === undefined ? `http_${httpStatus ?? "none"}` : `grpc_${grpcStatus}`;
  return Object.assign(new Error(cause === undefined ? message : `${message}: ${cause.message}`, { cause }), { code });
}
