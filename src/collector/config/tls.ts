/** configtls' sections, client and server side, read into settings of `#transport`. */
import type { ClientTlsSettings, ServerTlsSettings, TlsFiles, TlsVersion } from "#transport";
import type { ConfigIssue } from "../component.ts";
import {
  boolean,
  checked,
  durationMs,
  type Field,
  list,
  mapped,
  oneOf,
  optional,
  secret,
  section,
  type SectionOutput,
  string,
} from "./fields.ts";

const VERSIONS: readonly TlsVersion[] = ["1.0", "1.1", "1.2", "1.3"];

const FILE_ENTRIES = {
  ca_file: optional(string()),
  ca_pem: optional(secret()),
  include_system_ca_certs_pool: optional(boolean(), false),
  cert_file: optional(string()),
  cert_pem: optional(secret()),
  key_file: optional(string()),
  key_pem: optional(secret()),
  min_version: optional(oneOf(VERSIONS)),
  max_version: optional(oneOf(VERSIONS)),
  cipher_suites: optional(list(string())),
  reload_interval: optional(durationMs({ min: 0 })),
};

const UNSUPPORTED = {
  curve_preferences: `"curve_preferences" is not supported by podflame yet: OpenSSL's order of curves is used; remove it`,
  include_insecure_cipher_suites: `"include_insecure_cipher_suites" is not supported by podflame; remove it`,
  tpm: `"tpm" is not supported by podflame yet; give the key with key_file or key_pem`,
};

type Files = SectionOutput<typeof FILE_ENTRIES>;

function tlsFiles(read: Files): TlsFiles {
  return {
    caFile: read.ca_file,
    caPem: read.ca_pem?.reveal(),
    includeSystemCas: read.include_system_ca_certs_pool,
    certFile: read.cert_file,
    certPem: read.cert_pem?.reveal(),
    keyFile: read.key_file,
    keyPem: read.key_pem,
    minVersion: read.min_version,
    maxVersion: read.max_version,
    cipherSuites: read.cipher_suites,
    // Upstream, 0 means never, like an absent key.
    reloadIntervalMs: read.reload_interval === 0 ? undefined : read.reload_interval,
  };
}

function tlsProblems(read: Files): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const add = (key: string, message: string): void => void issues.push({ path: [key], message });
  for (const part of ["ca", "cert", "key"] as const) {
    if (read[`${part}_file`] !== undefined && read[`${part}_pem`] !== undefined) {
      add(`${part}_pem`, `"${part}_file" and "${part}_pem" are both given; keep one`);
    }
  }
  const cert = read.cert_file ?? read.cert_pem;
  const key = read.key_file ?? read.key_pem;
  if (cert !== undefined && key === undefined) add("cert_file", "a certificate needs its key; add key_file or key_pem");
  if (cert === undefined && key !== undefined)
    add("key_file", "a key needs its certificate; add cert_file or cert_pem");
  if (read.min_version !== undefined && read.max_version !== undefined && read.min_version > read.max_version) {
    add("min_version", `min_version ${read.min_version} is above max_version ${read.max_version}`);
  }
  return issues;
}

const SERVER_ENTRIES = {
  ...FILE_ENTRIES,
  client_ca_file: optional(string()),
  client_ca_file_reload: optional(boolean(), false),
};

/** `tls` of a server. A certificate is mandatory where the section is given. */
export function serverTls(): Field<ServerTlsSettings> {
  return mapped(
    checked(section(SERVER_ENTRIES, UNSUPPORTED), (read) => {
      const issues = tlsProblems(read);
      if (issues.length === 0 && read.cert_file === undefined && read.cert_pem === undefined) {
        issues.push({ path: ["cert_file"], message: "is missing: a server with tls needs cert_file and key_file" });
      }
      return issues;
    }),
    (read) => ({
      ...tlsFiles(read),
      clientCaFile: read.client_ca_file,
      clientCaFileReload: read.client_ca_file_reload,
    }),
  );
}

const CLIENT_ENTRIES = {
  ...FILE_ENTRIES,
  insecure: optional(boolean(), false),
  insecure_skip_verify: optional(boolean(), false),
  server_name_override: optional(string()),
};

/** What `tls` of a client says. `plainText` is `insecure` without a CA: then there is no TLS, unless the URL says so. */
export interface ClientTls {
  readonly plainText: boolean;
  readonly settings: ClientTlsSettings;
}

/** `tls` of a client. */
export function clientTls(): Field<ClientTls> {
  return mapped(checked(section(CLIENT_ENTRIES, UNSUPPORTED), tlsProblems), (read) => ({
    // With a CA given, `insecure` does not switch TLS off: so upstream's LoadTLSConfig.
    plainText: read.insecure && read.ca_file === undefined && read.ca_pem === undefined,
    settings: {
      ...tlsFiles(read),
      insecureSkipVerify: read.insecure_skip_verify,
      serverName: read.server_name_override,
    },
  }));
}

/** `tls` where the section is absent: TLS with the system's CAs. */
export const DEFAULT_CLIENT_TLS: ClientTls = { plainText: false, settings: {} };
