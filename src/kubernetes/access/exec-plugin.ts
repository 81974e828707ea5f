import { execFile } from "node:child_process";
import { isAbsolute, resolve } from "node:path";
import type { Clock } from "#telemetry";
import type { Credentials, Presented } from "./credentials.ts";
import { asObject } from "../decoding/envelope.ts";
import { KubernetesConfigError } from "../errors.ts";

/** `users[].user.exec` of a kubeconfig. */
export interface ExecPluginSettings {
  readonly apiVersion: "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1";
  readonly command: string;
  readonly args: readonly string[];
  /** Variables on top of the process's own. */
  readonly env: Readonly<Record<string, string>>;
  /** What its maker says to do when the command isn't there; empty for nothing. */
  readonly installHint: string;
  /** spec.cluster of the ExecCredential, where `provideClusterInfo` asks for it. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined;
  /** Folder of the kubeconfig: a command with a slash in it is relative to it. */
  readonly folder: string;
  /** Where it is written, for errors, e.g. `/root/.kube/config: user "dev"`. */
  readonly where: string;
}

/** A plugin may ask a remote identity provider; longer than this it hangs. */
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1 << 20;
/** Credentials are made anew this long before they expire. */
const EXPIRY_LEEWAY_MS = 10_000;

/**
 * Credentials from a program that prints an ExecCredential (client.authentication.k8s.io v1 and v1beta1). It runs on
 * first use, after expiry, and after the server refused; several requests share one run.
 */
export class ExecPlugin implements Credentials {
  readonly #settings: ExecPluginSettings;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #clock: Clock;
  #presented: Presented | undefined;
  #expiresMs = Infinity;
  #running: Promise<Presented> | undefined;

  constructor(settings: ExecPluginSettings, environment: Readonly<Record<string, string | undefined>>, clock: Clock) {
    this.#settings = settings;
    this.#environment = environment;
    this.#clock = clock;
  }

  current(): Promise<Presented> {
    if (this.#presented && this.#clock.nowMs() < this.#expiresMs - EXPIRY_LEEWAY_MS) {
      return Promise.resolve(this.#presented);
    }
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  refused(): void {
    this.#presented = undefined;
  }

  async #run(): Promise<Presented> {
    const { apiVersion, cluster } = this.#settings;
    const request = {
      apiVersion,
      kind: "ExecCredential",
      spec: { interactive: false, ...(cluster && { cluster }) },
    };
    const output = await this.#execute(JSON.stringify(request));
    let answer: Readonly<Record<string, unknown>>;
    try {
      answer = asObject(JSON.parse(output));
    } catch {
      // Without cause: a JSON error quotes the text, which may hold a token.
      throw this.#error("did not print JSON");
    }
    if (answer["kind"] !== "ExecCredential" || answer["apiVersion"] !== apiVersion) {
      throw this.#error(`printed ${String(answer["kind"])} of ${String(answer["apiVersion"])}, not ExecCredential`);
    }
    return this.#accept(asObject(answer["status"]));
  }

  #accept(status: Readonly<Record<string, unknown>>): Presented {
    const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp: expires } = status;
    const certificate = typeof cert === "string" && typeof key === "string" ? { cert, key } : undefined;
    if ((typeof token !== "string" || token === "") && !certificate) {
      throw this.#error("printed neither a token nor a certificate with its key");
    }
    const expiresMs = typeof expires === "string" ? Date.parse(expires) : Infinity;
    if (Number.isNaN(expiresMs)) throw this.#error(`printed an expirationTimestamp that is no time`);
    this.#expiresMs = expiresMs;
    this.#presented = {
      authorization: typeof token === "string" && token !== "" ? `Bearer ${token}` : undefined,
      certificate,
    };
    return this.#presented;
  }

  #execute(request: string): Promise<string> {
    const { command, args, env, folder } = this.#settings;
    const file = command.includes("/") && !isAbsolute(command) ? resolve(folder, command) : command;
    const options = {
      env: { ...this.#environment, ...env, KUBERNETES_EXEC_INFO: request },
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: MAX_OUTPUT_BYTES,
      windowsHide: true,
    } as const;
    return new Promise((done, failed) => {
      const child = execFile(file, args, options, (error, stdout, stderr) => {
        if (!error) return done(stdout);
        if (error.code === "ENOENT") return failed(this.#error("was not found"));
        if (error.killed) return failed(this.#error(`did not end within ${TIMEOUT_MS / 1000} s, or said too much`));
        failed(this.#error(`ended with ${String(error.code ?? error.signal)}: ${withoutSecrets(stderr)}`));
      });
      child.stdin?.end();
    });
  }

  #error(what: string): KubernetesConfigError {
    const { command, installHint, where } = this.#settings;
    const remedy = installHint === "" ? `run "${command}" by hand to see why` : installHint.trim();
    return new KubernetesConfigError(`the credential plugin "${command}" ${what}`, where, remedy);
  }
}

/** The last words of a plugin, with anything that could be a token left out. */
function withoutSecrets(text: string): string {
  const words = text.trim().replaceAll(/[\w+/=.~-]{24,}/g, "[REDACTED]");
  return words.length > 300 ? `…${words.slice(-300)}` : words || "it said nothing";
}
