import { existsSync } from "node:fs";
import type { CriConnection, CriEnd } from "#kubernetes";
import {
  type CallResult,
  type Client,
  createGrpcClient,
  GrpcStatus,
  type StreamingClient,
  type TransportContext,
} from "#transport";
import { MessageBuffer } from "#wire";

/** A call over a socket of this machine; lists of a full node take some 10 ms. */
const CALL_TIMEOUT_MS = 5_000;

/**
 * gRPC over a container runtime's socket: of `sockets` the first that is there when a connection is made. A connection
 * that fails is given up, so that whoever calls decides when the next is tried.
 */
export class CriSocket implements CriConnection {
  readonly #sockets: readonly string[];
  readonly #context: TransportContext;
  #client: Client | undefined;

  constructor(sockets: readonly string[], context: TransportContext) {
    this.#sockets = sockets;
    this.#context = context;
  }

  async call(method: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const client = (this.#client ??= this.#connect());
    const message = MessageBuffer.copyOf(request);
    try {
      const result = await client.call(method, message, { timeoutMs: CALL_TIMEOUT_MS, signal });
      // The bytes are ours until the next await only.
      if (result.grpcStatus === GrpcStatus.OK) return Uint8Array.from(result.body ?? []);
      if (result.grpcStatus === GrpcStatus.UNAVAILABLE && this.#client === client) await this.close();
      throw failure(method, result);
    } finally {
      message.release();
    }
  }

  /** A connection of its own, for the other is given up when a call fails. */
  async follow(
    method: string,
    request: Uint8Array,
    onMessage: (message: Uint8Array) => void,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<CriEnd> {
    let client: StreamingClient;
    try {
      client = this.#connect();
    } catch (error) {
      return error as Error;
    }
    const message = MessageBuffer.copyOf(request);
    const options = { connectTimeoutMs: CALL_TIMEOUT_MS, headers, signal, onMessage };
    const result = await client.stream(method, message, options);
    message.release();
    await client.close();
    return failure(method, result);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  #connect(): StreamingClient {
    const path = this.#sockets.find((socket) => existsSync(socket));
    if (path === undefined) {
      const where = this.#sockets.join(", ");
      const message = `no container runtime listens at ${where}; mount its socket into the pod, or give cri::endpoint`;
      throw Object.assign(new Error(message), { code: "ENOENT" });
    }
    return createGrpcClient({ endpoint: `unix://${path}` }, this.#context);
  }
}

function failure(method: string, result: CallResult): Error {
  const { grpcStatus, httpStatus, message, cause } = result;
  const remedy =
    grpcStatus === GrpcStatus.UNIMPLEMENTED
      ? " (the runtime doesn't speak CRI v1: containerd 1.6 or CRI-O 1.20 at least, with its CRI plugin on)"
      : "";
  const code = grpcStatus === undefined ? `http_${httpStatus ?? "none"}` : `grpc_${grpcStatus}`;
  return Object.assign(new Error(`${method}: ${message}${remedy}`, { cause }), { code });
}
