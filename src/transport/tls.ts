/** Certificates from files or PEM text, read again when the files change. */
import { stat } from "node:fs/promises";
import { readFileSync } from "node:fs";
import * as tls from "node:tls";
import type { Clock, Logger, Timer } from "#telemetry";
import type { ClientTlsSettings, ServerTlsSettings, TlsFiles, TlsVersion } from "./settings.ts";

const VERSION: Readonly<Record<TlsVersion, tls.SecureVersion>> = {
  "1.0": "TLSv1",
  "1.1": "TLSv1.1",
  "1.2": "TLSv1.2",
  "1.3": "TLSv1.3",
};

/** What a server or an agent of Node is given. */
export type LoadedTls = Pick<
  tls.SecureContextOptions,
  "ca" | "cert" | "key" | "minVersion" | "maxVersion" | "ciphers" | "honorCipherOrder"
>;

/**
 * Reads the files of a server.
 * @throws Error that names the file, so that a start fails with what has to be mended
 */
export function loadServerTls(settings: ServerTlsSettings): LoadedTls & tls.TlsOptions {
  const loaded = load(settings, [readPem(settings.clientCaFile, undefined, "client_ca_file")]);
  return settings.clientCaFile === undefined ? loaded : { ...loaded, requestCert: true, rejectUnauthorized: true };
}

/** Reads the files of a client. @throws Error that names the file */
export function loadClientTls(settings: ClientTlsSettings): LoadedTls & tls.ConnectionOptions {
  const ca = readPem(settings.caFile, settings.caPem, "ca_file");
  const loaded = load(settings, [ca]);
  return {
    ...loaded,
    ca: loaded.ca ?? systemCas(),
    rejectUnauthorized: settings.insecureSkipVerify !== true,
    ...(settings.serverName !== undefined && { servername: settings.serverName }),
  };
}

function load(settings: TlsFiles, cas: readonly (string | undefined)[]): LoadedTls {
  const given = cas.filter((pem) => pem !== undefined);
  const loaded: LoadedTls = {
    minVersion: VERSION[settings.minVersion ?? "1.2"],
    ...(settings.maxVersion !== undefined && { maxVersion: VERSION[settings.maxVersion] }),
    ...(settings.cipherSuites !== undefined && { ciphers: settings.cipherSuites.map(opensslName).join(":") }),
  };
  if (given.length > 0) loaded.ca = settings.includeSystemCas === true ? [...given, ...systemCas()] : given;
  const cert = readPem(settings.certFile, settings.certPem, "cert_file");
  const key = readPem(settings.keyFile, settings.keyPem?.reveal(), "key_file");
  if (cert !== undefined) loaded.cert = cert;
  if (key !== undefined) loaded.key = key;
  try {
    tls.createSecureContext(loaded);
  } catch (error) {
    throw new Error(`tls: certificate and key can't be used (${settings.certFile ?? "cert_pem"})`, { cause: error });
  }
  return loaded;
}

/** What this machine trusts, as Go reads it; where it has no certificates, those that Node was built with. */
function systemCas(): string[] {
  const system = tls.getCACertificates("system");
  return system.length > 0 ? system : [...tls.rootCertificates];
}

function readPem(file: string | undefined, pem: string | undefined, key: string): string | undefined {
  if (file === undefined) return pem;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`tls: ${key} ${file} can't be read`, { cause: error });
  }
}

/** IANA's names of the suites that Go offers, as OpenSSL calls them. TLS 1.3 suites have the same name in both. */
function opensslName(iana: string): string {
  if (!iana.startsWith("TLS_") || !iana.includes("_WITH_")) return iana;
  return iana
    .replace(/^TLS_/, "")
    .replace("RSA_WITH_", "RSA_")
    .replace("ECDSA_WITH_", "ECDSA_")
    .replace(/^RSA_/, "")
    .replace(/AES_(128|256)/, "AES$1")
    .replace(/_CBC_SHA/, "_SHA")
    .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    .replaceAll("_", "-");
}

/** Looks for changed files, on the clock's time. */
export class FileWatcher {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #files: readonly string[];
  readonly #intervalMs: number;
  readonly #changed: () => void;
  #seen = "";
  #timer: Timer | undefined;
  #closed = false;

  /** @param changed called after a change; what it throws is logged, and the old certificates stay in use */
  constructor(
    files: readonly (string | undefined)[],
    intervalMs: number,
    context: { readonly clock: Clock; readonly logger: Logger },
    changed: () => void,
  ) {
    this.#files = files.filter((file) => file !== undefined);
    this.#intervalMs = intervalMs;
    this.#clock = context.clock;
    this.#logger = context.logger;
    this.#changed = changed;
  }

  /** Remembers the files as they are now and begins to look. */
  async start(): Promise<void> {
    if (this.#files.length === 0) return;
    this.#seen = await this.#fingerprint();
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.timer(this.#intervalMs, () => {
      this.#look().then(
        () => this.#arm(),
        () => this.#arm(),
      );
    });
  }

  async #look(): Promise<void> {
    const now = await this.#fingerprint();
    if (now === this.#seen || this.#closed) return;
    try {
      this.#changed();
      this.#seen = now;
      this.#logger.info("certificates read again", { files: this.#files });
    } catch (error) {
      // Often a pair half written: the next look tries again.
      this.#logger.warn("changed certificates can't be used; the old ones stay", { files: this.#files, error });
    }
  }

  /** Mounted secrets change by a symbolic link, so size and time of what it leads to are what counts. */
  async #fingerprint(): Promise<string> {
    const facts = await Promise.all(
      this.#files.map((file) =>
        stat(file).then(
          (found) => `${found.ino}:${found.size}:${found.mtimeMs}`,
          () => "missing",
        ),
      ),
    );
    return facts.join("|");
  }
}
