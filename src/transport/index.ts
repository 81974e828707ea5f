/** Servers and clients for bytes over gRPC and HTTP. Knows no OTLP. */
export * from "./types.ts";
