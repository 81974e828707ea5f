import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import { arch, hostname } from "node:os";
import type { ResourceAttributes } from "./profiles/resource-table.ts";

/** `host.arch` of the semantic conventions by Node's names. */
const ARCHITECTURES: Readonly<Partial<Record<string, string>>> = { x64: "amd64", arm64: "arm64" };
const MAX_NAME_BYTES = 256;

/**
 * What is known of the machine: host.name, host.id, host.arch, os.type. In a container that sees the host's processes the
 * host's name and id are read through its first process, for the container has others.
 */
export function hostAttributes(): ResourceAttributes {
  const attributes: [string, string][] = [];
  const name = isHostsName() ? hostname() : (readLine("/proc/1/root/etc/hostname") ?? hostname());
  attributes.push(["host.name", name]);
  const id = readLine("/proc/1/root/etc/machine-id") ?? readLine("/etc/machine-id");
  if (id !== undefined) attributes.push(["host.id", id]);
  const architecture = ARCHITECTURES[arch()];
  if (architecture !== undefined) attributes.push(["host.arch", architecture]);
  attributes.push(["os.type", "linux"]);
  return attributes;
}

/** Whether this process has the host name of the first process that it can see. */
function isHostsName(): boolean {
  try {
    return readlinkSync("/proc/self/ns/uts") === readlinkSync("/proc/1/ns/uts");
  } catch {
    return true;
  }
}

/** The only line of a small file. */
function readLine(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const bytes = Buffer.alloc(MAX_NAME_BYTES);
    const text = bytes.toString("utf8", 0, readSync(fd, bytes)).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
