import { readFile } from "node:fs/promises";
import type { Clock, Logger } from "#telemetry";
import { KubernetesConfigError } from "../errors.ts";

/** Certificate and key of a client, PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a request shows to the server. Values are secret: they go into the request and nowhere else. */
export interface Presented {
  /** Value of the `Authorization` header; undefined for none. */
  readonly authorization: string | undefined;
  /** Undefined for none. The same object as long as it is the same certificate. */
  readonly certificate: ClientCertificate | undefined;
}

/** Where credentials come from. */
export interface Credentials {
  /** What to present now. Rejects with `KubernetesConfigError` when there is nothing to present. */
  current(signal?: AbortSignal): Promise<Presented>;
  /** The server refused what was presented: read or make it anew next time. */
  refused(): void;
}

/** Credentials that never change. */
export function fixedCredentials(presented: Presented): Credentials {
  return { current: () => Promise.resolve(presented), refused: () => undefined };
}

/** How long a token file is believed before it is read again; kubelets rotate tokens at 80 % of an hour or more. */
const REREAD_AFTER_MS = 60_000;

/** A bearer token in a file that somebody rotates: read again at most once a minute, and after the server refused it. */
export class TokenFile implements Credentials {
  readonly #path: string;
  readonly #certificate: ClientCertificate | undefined;
  readonly #remedy: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #presented: Presented | undefined;
  #readAtMs = 0;

  constructor(settings: {
    readonly path: string;
    readonly certificate?: ClientCertificate | undefined;
    /** What to do when it can't be read. */
    readonly remedy: string;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#path = settings.path;
    this.#certificate = settings.certificate;
    this.#remedy = settings.remedy;
    this.#clock = settings.clock;
    this.#logger = settings.logger;
  }

  async current(): Promise<Presented> {
    const now = this.#clock.monotonicMs();
    if (this.#presented && now - this.#readAtMs < REREAD_AFTER_MS) return this.#presented;
    try {
      const token = (await readFile(this.#path, "utf8")).trim();
      if (token === "") throw new KubernetesConfigError("the token file is empty", this.#path, this.#remedy);
      this.#presented = { authorization: `Bearer ${token}`, certificate: this.#certificate };
    } catch (cause) {
      // While a token is swapped the file can be gone for a moment: the old one is good for a while yet.
      if (!this.#presented) {
        if (cause instanceof KubernetesConfigError) throw cause;
        throw new KubernetesConfigError("cannot read the token", this.#path, this.#remedy, { cause });
      }
      this.#logger.warn("cannot read the token again, going on with the one before", {
        path: this.#path,
        error: cause,
      });
    }
    this.#readAtMs = now;
    return this.#presented;
  }

  refused(): void {
    this.#readAtMs = -Infinity;
  }
}

/** A client certificate in files that somebody renews, as kubelets do with theirs: read again after the server refused it. */
export class CertificateFiles implements Credentials {
  readonly #read: () => Promise<ClientCertificate | undefined>;
  readonly #logger: Logger;
  #presented: Presented;
  #isRefused = false;

  /** @param read reads it again; undefined where it is there no more */
  constructor(certificate: ClientCertificate, read: () => Promise<ClientCertificate | undefined>, logger: Logger) {
    this.#presented = { authorization: undefined, certificate };
    this.#read = read;
    this.#logger = logger;
  }

  async current(): Promise<Presented> {
    if (!this.#isRefused) return this.#presented;
    this.#isRefused = false;
    try {
      const certificate = await this.#read();
      const before = this.#presented.certificate;
      const isNew = certificate !== undefined && (certificate.cert !== before?.cert || certificate.key !== before.key);
      if (isNew) this.#presented = { authorization: undefined, certificate };
    } catch (error) {
      this.#logger.warn("cannot read the client's certificate again, going on with the one before", { error });
    }
    return this.#presented;
  }

  refused(): void {
    this.#isRefused = true;
  }
}
