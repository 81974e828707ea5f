import { readFileSync } from "node:fs";

const ONLINE = "/sys/devices/system/cpu/online";
const POSSIBLE = "/sys/devices/system/cpu/possible";
/** `NR_CPUS` of the largest configurations is 8,192. */
const MAX_CPU = 65_535;

/** CPUs that run tasks now, ascending. */
export function onlineCpus(): readonly number[] {
  return parseCpuList(readFileSync(ONLINE, "latin1"));
}

/** How many CPUs this kernel could ever have: per-CPU values have one part for each. */
export function possibleCpus(): number {
  return parseCpuList(readFileSync(POSSIBLE, "latin1")).length;
}

/**
 * Reads a list as the kernel writes it, e.g. `0-3,8,10-11`.
 *
 * @throws {Error} with the text, if it isn't one
 */
export function parseCpuList(text: string): readonly number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(",")) {
    if (part === "") continue;
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? first);
    if (!range || last > MAX_CPU) throw new Error(`CPU list ${JSON.stringify(text)}: ${part} is no range`);
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}
