import { createServer, isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import { ExitCode, Fault } from "./exit.ts";

/** Where something listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST:PORT`, `[::1]:PORT` or a bare port. */
export function hostPortOption(value: string): HostPort {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new InvalidArgumentError(`expected HOST:PORT such as 127.0.0.1:14317.`);
  return { host: match[1] ?? match[2] ?? "127.0.0.1", port };
}

/** As addresses are written in configurations. */
export function shownAddress({ host, port }: HostPort): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Tries to listen for a moment.
 * @returns the port, or undefined where somebody else has it
 * @throws Fault where nobody could listen there
 */
export async function probePort({ host, port }: HostPort): Promise<number | undefined> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    const address = server.address();
    return typeof address === "object" ? address?.port : port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw listenFault(error, { host, port }) ?? error;
  } finally {
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** Whether something failed, or what caused it, because somebody else listens at the port. */
export function isTaken(failure: unknown, { port }: HostPort): boolean {
  for (let error = failure; error instanceof Error; error = error.cause) {
    const { code, port: at } = error as NodeJS.ErrnoException & { readonly port?: number };
    if (code === "EADDRINUSE" && at === port) return true;
  }
  return false;
}

/** What is wrong with an address that can't be listened at, other than being taken; undefined for other errors. */
export function listenFault(error: unknown, address: HostPort): Fault | undefined {
  const why = WRONG_ADDRESSES[(error as NodeJS.ErrnoException).code ?? ""];
  if (why === undefined) return undefined;
  return new Fault(ExitCode.USER, `${shownAddress(address)}: ${why}`, { cause: error });
}

/** By error code of the system. */
const WRONG_ADDRESSES: Readonly<Record<string, string>> = {
  EACCES: "this user may not listen at so low a port; choose one from 1024 on",
  EADDRNOTAVAIL: "this machine doesn't have that address; choose one of its own, such as 127.0.0.1, or 0.0.0.0 for all",
  ENOTFOUND: "there is no host of that name; choose an address of this machine, such as 127.0.0.1",
  EAI_AGAIN: "the name of that host can't be looked up; choose an address of this machine, such as 127.0.0.1",
};
