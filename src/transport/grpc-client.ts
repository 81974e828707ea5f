import type { GrpcClientSettings, TransportContext } from "./settings.ts";
import type { Client } from "./types.ts";

export function createGrpcClient(settings: GrpcClientSettings, context: TransportContext): Client {
  void context;
  throw new Error(`${settings.endpoint}: gRPC client is being written`);
}
