/**
 * HTTP/2 (RFC 9113, RFC 7541) for whole messages over any socket, in both roles: no streams of Node, no object of C++
 * per request. Start with `connection.ts`. Knows no gRPC, no push, no priorities, and no HTTP/1 upgrade.
 */
export { ClientConnection, type ClientConnectionEvents } from "./client-connection.ts";
export type { ConnectionSettings } from "./connection.ts";
export { type ConstantFields, encodeStateless, type OutgoingField } from "./header-encoder.ts";
export { findHeader, type HeaderField, headerField, joinHeader } from "./header-field.ts";
export { ErrorCode } from "./protocol.ts";
export { ServerConnection, type ServerConnectionEvents, type ServerConnectionSettings } from "./server-connection.ts";
export type { OutgoingHead, Stream, StreamEnd, StreamReceiver } from "./stream.ts";
