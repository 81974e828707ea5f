import type { GrpcServerSettings, TransportContext } from "./settings.ts";
import type { GrpcHandler, Server } from "./types.ts";

export function createGrpcServer(
  settings: GrpcServerSettings,
  handlers: ReadonlyMap<string, GrpcHandler>,
  context: TransportContext,
): Server {
  void handlers;
  void context;
  throw new Error(`${settings.endpoint}: gRPC server is being written`);
}
