import { once } from "node:events";
import { createServer, type Server } from "node:net";

/**
 * Below the ports that systems give to whoever connects or asks for any (from 32768 on Linux): such a one may be taken by
 * somebody's connection between its choice and its use.
 */
const RANGE = { from: 12_000, to: 32_000 };
const TRIES = 1000;

/**
 * Ports of 127.0.0.1 that nothing listened on a moment ago, at random, so that processes that choose at the same time
 * hardly choose the same; held together, so all differ. Rejects where there are none.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = new Map<number, Server>();
  try {
    for (let tries = 0; servers.size < count; tries++) {
      if (tries === TRIES) throw new Error(`no ${count} free ports among those from ${RANGE.from} to ${RANGE.to}`);
      const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from));
      const server = createServer();
      const listening = once(server, "listening");
      server.listen(port, "127.0.0.1");
      if (await listening.then(Boolean, () => false)) servers.set(port, server);
    }
    return [...servers.keys()];
  } finally {
    await Promise.all([...servers.values()].map((server) => new Promise((closed) => server.close(closed))));
  }
}
