/**
 * Servers and clients for whole messages of bytes over gRPC and HTTP: compression, TLS, limits, connections.
 * Start with `types.ts`, then `createGrpcServer`. Knows no OTLP, and of streaming calls only those that servers stream.
 */
export {
  GrpcStatus,
  type CallOptions,
  type CallResult,
  type Client,
  type Compression,
  type Connection,
  type GrpcHandler,
  type GrpcReply,
  type GrpcStreamHandler,
  type HttpHandler,
  type HttpReply,
  type MessageSink,
  type Server,
  type StreamingClient,
  type StreamOptions,
  type UnaryRequest,
} from "./types.ts";
export type {
  ClientKeepaliveSettings,
  ClientTlsSettings,
  CorsSettings,
  GrpcClientSettings,
  GrpcServerSettings,
  HttpClientSettings,
  HttpServerSettings,
  ListenSettings,
  Sealed,
  SendSettings,
  ServerKeepaliveSettings,
  ServerTlsSettings,
  TlsFiles,
  TlsVersion,
  TransportContext,
} from "./settings.ts";
export { parseHostPort, parseTarget, type ListenAddress, type Target } from "./address.ts";
export { createGrpcServer } from "./grpc-server.ts";
export { createHttpServer } from "./http-server.ts";
export type { HttpErrorBody } from "./http-exchange.ts";
export { createGrpcClient } from "./grpc-client.ts";
export { createHttpClient } from "./http-client.ts";
