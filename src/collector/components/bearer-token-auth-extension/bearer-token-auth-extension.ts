import { readFileSync, statSync } from "node:fs";
import {
  type ClientAuthenticator,
  clientAuthenticators,
  type Component,
  type ComponentContext,
  errorFrom,
  ThrottledLog,
} from "#collector";
import { type BearerTokenAuthConfig, isHeaderValue } from "./config.ts";

type Headers = Readonly<Record<string, string>>;

/** How long a rotated token may go unnoticed: the file is looked at this often at most, and only when it is used. */
const FRESH_MS = 1000;
/** Longer files are no tokens; cloud tokens have a few thousand characters. */
const MAX_TOKEN_BYTES = 64 * 1024;

/**
 * Gives exporters the header with the token. A file is read again when it changes; if it can't be read then, the last
 * token goes on to be used, for it may well be valid still.
 */
export class BearerTokenAuthExtension implements Component, ClientAuthenticator {
  readonly #context: ComponentContext;
  readonly #config: BearerTokenAuthConfig;
  readonly #log: ThrottledLog;
  #headers: Headers | undefined;
  #checkedAtMs = -Infinity;
  #seen = "";

  constructor(context: ComponentContext, config: BearerTokenAuthConfig) {
    this.#context = context;
    this.#config = config;
    this.#log = new ThrottledLog(context.telemetry.logger, context.telemetry.clock, 60_000);
    if ("token" in config.source) this.#headers = this.#headersOf(config.source.token.reveal());
    context.host.service(clientAuthenticators, () => new Map()).set(context.id.text, this);
  }

  /** Rejects where the file can't be read now: better at once than with the first request. */
  async start(): Promise<void> {
    if ("filename" in this.#config.source) this.#read(this.#config.source.filename);
  }

  headers(): Headers {
    if ("filename" in this.#config.source) this.#refresh(this.#config.source.filename);
    if (!this.#headers) throw new Error(`${this.#context.id.text}: there is no token yet`);
    return this.#headers;
  }

  async shutdown(): Promise<void> {
    this.#log.flush();
  }

  #refresh(filename: string): void {
    const nowMs = this.#context.telemetry.clock.monotonicMs();
    if (nowMs - this.#checkedAtMs < FRESH_MS) return;
    this.#checkedAtMs = nowMs;
    try {
      this.#read(filename);
    } catch (error) {
      const fields = { error: errorFrom(error) };
      this.#log.tell("warn", "unreadable", "token file cannot be read, using the last token", fields, 0);
    }
  }

  /** Kubernetes rotates by renaming a folder behind links, so identity and time of the file at their end count. */
  #read(filename: string): void {
    const { id } = this.#context;
    let token: string;
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(filename);
      const seen = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      if (seen === this.#seen) return;
      if (size > MAX_TOKEN_BYTES) throw new Error(`${size} bytes are no token`);
      token = readFileSync(filename, "utf8").trim();
      this.#seen = seen;
    } catch (cause) {
      throw new Error(`${id.text}: cannot read token file ${filename}`, { cause });
    }
    if (!isHeaderValue(token)) {
      throw new Error(`${id.text}: token file ${filename} is empty or holds characters that no header can carry`);
    }
    this.#headers = this.#headersOf(token);
  }

  #headersOf(token: string): Headers {
    const { scheme, header } = this.#config;
    return { [header]: scheme === "" ? token : `${scheme} ${token}` };
  }
}
