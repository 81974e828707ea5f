import { createServer, isIP } from "node:net";
import { InvalidArgumentError } from "commander";

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

/** Tries to listen for a moment. @returns the port, or undefined where somebody else has it */
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
    throw error;
  } finally {
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
