import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Target } from "./address.ts";
import type { Address } from "./client-session.ts";

/** Looks up the addresses of a target. @throws Error where the name has none, or the look-up fails */
export type Resolver = (target: Target) => Promise<readonly Address[]>;

/** Asks the system's resolver, so that /etc/hosts and search domains count. */
export const systemResolver: Resolver = async (target) => {
  if (target.kind === "unix") return [{ path: target.path }];
  if (isIP(target.host) !== 0) return [{ host: target.host, port: target.port }];
  try {
    const found = await lookup(target.host, { all: true });
    return found.map(({ address }) => ({ host: address, port: target.port }));
  } catch (error) {
    throw new Error(`${target.host} can't be resolved`, { cause: error });
  }
};
