/** Where a server listens. */
export interface ListenAddress {
  /** Absent: all interfaces. */
  readonly host: string | undefined;
  readonly port: number;
}

/** Reads `host:port`, `:port` or `[v6]:port`. Undefined where it is none of them. */
export function parseHostPort(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:/]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65535) return undefined;
  const host = match[1] ?? match[2];
  return { host: host === "" ? undefined : host, port };
}

/** Where a gRPC client connects. */
export type Target =
  | { readonly kind: "dns"; readonly host: string; readonly port: number; readonly https: boolean }
  | { readonly kind: "unix"; readonly path: string; readonly https: boolean };

/**
 * Reads a gRPC endpoint as the Collector's exporters accept it: `host:port`, `dns:///host:port`,
 * `dns://resolver/host:port` (the resolver is not used), `passthrough:///host:port`, `unix:path`, `unix:///path`, each
 * but `unix` behind an optional `http://` or `https://`. Undefined where it is none of them.
 */
export function parseTarget(endpoint: string): Target | undefined {
  const https = endpoint.startsWith("https://");
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(endpoint);
  if (unix) return { kind: "unix", path: unix[1]!, https };
  const rest = endpoint.replace(/^https?:\/\//, "").replace(/^(?:dns|passthrough):(?:\/\/[^/]*\/)?/, "");
  const address = parseHostPort(rest.replace(/\/$/, ""));
  if (!address || address.host === undefined) return undefined;
  return { kind: "dns", host: address.host, port: address.port, https };
}

/** `host:port` with IPv6 hosts in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** IPv4 in its plain form where a dual-stack socket shows it as `::ffff:1.2.3.4`. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
