/** What servers share beneath HTTP: listening, the address in effect, budgets. */
import { rm, stat } from "node:fs/promises";
import * as net from "node:net";
import { formatHostPort, parseHostPort } from "./address.ts";
import type { ListenSettings } from "./settings.ts";

/** Listens where the settings say. @returns the address in effect. @throws Error that names the endpoint */
export async function listen(server: net.Server, settings: ListenSettings): Promise<string> {
  const options = listenOptions(settings);
  if (options.path !== undefined) await removeStaleSocket(options.path);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off("listening", listening);
      reject(new Error(`can't listen on ${settings.endpoint}: ${reason(error)}`, { cause: error }));
    };
    const listening = (): void => {
      server.off("error", failed);
      resolve();
    };
    server.once("error", failed);
    server.once("listening", listening);
    server.listen(options);
  });
  const address = server.address();
  if (address === null || typeof address === "string") return address ?? settings.endpoint;
  return formatHostPort(address.address, address.port);
}

function listenOptions(settings: ListenSettings): net.ListenOptions {
  if (settings.transport === "unix") return { path: settings.endpoint.replace(/^unix:(\/\/)?/, "") };
  const address = parseHostPort(settings.endpoint);
  if (!address) throw new Error(`can't listen on ${settings.endpoint}: expected host:port`);
  // As Go does: a name that could be either is IPv4, so that clients of 127.0.0.1 find the server.
  const host = address.host === "localhost" && settings.transport !== "tcp6" ? "127.0.0.1" : address.host;
  const { port } = address;
  if (settings.transport === "tcp6") return { host: host ?? "::", port, ipv6Only: true };
  if (settings.transport === "tcp4") return { host: host ?? "0.0.0.0", port };
  return host === undefined ? { port } : { host, port };
}

/** Removes a socket file that a killed process left behind. One that answers is in use, and `listen` says so. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isSocket()) return;
  const answers = await new Promise<boolean>((resolve) => {
    const probe = net.connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!answers) await rm(path, { force: true });
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === "EADDRINUSE") return "the address is in use";
  if (error.code === "EACCES") return "not permitted (ports below 1024 need a privilege)";
  if (error.code === "EADDRNOTAVAIL") return "this machine doesn't have that address";
  return error.message;
}

/** Resolves when `done` does or `deadline` aborts, whichever is first. */
export async function untilDeadline(done: Promise<void>, deadline: AbortSignal): Promise<void> {
  if (deadline.aborted) return;
  let aborted: (() => void) | undefined;
  const abort = new Promise<void>((resolve) => {
    aborted = resolve;
    deadline.addEventListener("abort", aborted, { once: true });
  });
  await Promise.race([done, abort]);
  if (aborted) deadline.removeEventListener("abort", aborted);
}

/**
 * Bytes of requests under way that a server holds: beyond the limit it says "try again". What counts are bytes that have
 * come, not those that were announced: memory that nobody wrote to isn't resident, and a client that announces a lot and
 * sends nothing shall not keep others out.
 */
export class InflightBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether `bytes` more may be held; if so they are counted until `free`. */
  reserve(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#limitBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }
}
