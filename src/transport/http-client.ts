import type { HttpClientSettings, TransportContext } from "./settings.ts";
import type { Client } from "./types.ts";

export function createHttpClient(settings: HttpClientSettings, context: TransportContext): Client {
  void context;
  throw new Error(`${settings.endpoint}: HTTP client is being written`);
}
