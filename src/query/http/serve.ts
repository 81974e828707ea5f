import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { nodeHttp } from "#node-http";

/** Where to listen. */
export interface Endpoint {
  /** Address or name of this machine, without brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** An API that listens. */
export interface ServedApi {
  /** With a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Ends at once; answers on their way are cut off after `graceMs`, default 2 s. */
  close(graceMs?: number): Promise<void>;
}

/** Headers must be there by then: slow ones hold a connection. */
const HEADERS_TIMEOUT_MS = 10_000;
/** An upload of an hour's profiles over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000;
const MAX_HEADER_BYTES = 64 << 10;
const MAX_CONNECTIONS = 1000;

/** Serves an API on an endpoint. Rejects where it can't listen there. */
export async function serve(app: Hono, { host, port }: Endpoint): Promise<ServedApi> {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = nodeHttp.createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
    (request, response) => void listener(request, response),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  const name = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${name}:${bound.port}/`,
    port: bound.port,
    close: (graceMs = 2000) => close(server, graceMs),
  };
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
