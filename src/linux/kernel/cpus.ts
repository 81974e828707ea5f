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

/** What a CPU did since it was started, by the kernel's account. */
export interface CpuTime {
  readonly idleMs: number;
  /** With work of any kind; time that the hypervisor gave to others is in neither. */
  readonly busyMs: number;
}

/** `USER_HZ` is 100 on every machine known here. */
const TICK_MS = 10;

/** Reads each online CPU's times, from text like /proc/stat's. */
export function cpuTimes(text: string = readFileSync("/proc/stat", "latin1")): ReadonlyMap<number, CpuTime> {
  const times = new Map<number, CpuTime>();
  for (const line of text.matchAll(/^cpu(\d+) (.*)$/gm)) {
    // user nice system idle iowait irq softirq steal guest guest_nice; guests' time is in user and nice as well.
    const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0] = line[2]!
      .split(" ")
      .map(Number);
    const busyMs = (user + nice + system + irq + softIrq) * TICK_MS;
    times.set(Number(line[1]), { idleMs: (idle + ioWait) * TICK_MS, busyMs });
  }
  return times;
}
