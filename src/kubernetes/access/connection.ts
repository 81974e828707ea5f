import type { Credentials } from "./credentials.ts";

/** Where an API server is and how to talk to it, whatever told so. */
export interface ConnectionSettings {
  /** Base URL: scheme, host, port, and a path prefix if there is one. */
  readonly server: URL;
  /** PEM; undefined for the system's authorities. */
  readonly certificateAuthority: string | undefined;
  /** Reads the authority again, where it is in a file: asked when the server's certificate is none of the one that is known. */
  readonly renewAuthority?: (() => Promise<string | undefined>) | undefined;
  /** Whether anybody may claim to be the server. */
  readonly insecureSkipVerify: boolean;
  /** Name to expect in the server's certificate instead of the host's. */
  readonly tlsServerName: string | undefined;
  /** HTTP proxy to go through. May hold credentials. */
  readonly proxy: URL | undefined;
  readonly credentials: Credentials;
  /** Headers of each request: impersonation. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly namespace: string | undefined;
}
