import type { HttpServerSettings, TransportContext } from "./settings.ts";
import type { HttpHandler, Server } from "./types.ts";

export function createHttpServer(
  settings: HttpServerSettings,
  handlers: ReadonlyMap<string, HttpHandler>,
  context: TransportContext,
): Server {
  void handlers;
  void context;
  throw new Error(`${settings.endpoint}: HTTP server is being written`);
}
