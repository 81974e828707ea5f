import { deviceNumber } from "./mappings.ts";

/** A file system that is mounted: a line of /proc/PID/mountinfo. */
export interface Mount {
  /** As `Mapping.device`. */
  readonly device: number;
  /** From the process's root. */
  readonly point: string;
  /** E.g. `ext4`, `fuse.sshfs`. */
  readonly type: string;
  /** Of the file system as a whole. */
  readonly options: readonly string[];
}

/**
 * Reads a line of /proc/PID/mountinfo:
 * `id parent major:minor root mount-point options optional… - type source options`.
 */
export function parseMount(line: string): Mount | undefined {
  const separator = line.indexOf(" - ");
  if (separator === -1) return undefined;
  const [, , device, , point] = line.slice(0, separator).split(" ");
  const [type, , options = ""] = line.slice(separator + 3).split(" ");
  const numbers = /^(\d{1,4}):(\d{1,7})$/.exec(device ?? "");
  if (numbers === null || point === undefined || !point.startsWith("/") || type === undefined) return undefined;
  return {
    device: deviceNumber(Number(numbers[1]), Number(numbers[2])),
    point: unescape(point),
    type,
    options: options.split(","),
  };
}

/** Spaces, tabs, line feeds and backslashes are written as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
