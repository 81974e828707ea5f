import { attachProgram, closeDescriptor, enableEvent, openCpuClock, setEventPeriod, SystemCallError } from "#linux";
import type { Logger } from "#telemetry";
import type { CpuTimeKeeper } from "./cpu-time.ts";

/** One timer for each CPU, which calls the program; CPUs that come and go are followed. */
export class CpuTimers {
  readonly #programFd: number;
  readonly #cpus: () => readonly number[];
  readonly #hitsOf: (cpu: number) => number;
  readonly #time: CpuTimeKeeper;
  readonly #logger: Logger;
  /** File descriptors by CPU. */
  readonly #events = new Map<number, number>();
  /** Why CPUs refused a timer; told once each. */
  readonly #refused = new Map<number, SystemCallError>();
  #periodNs: number;
  #started = false;

  /**
   * Opens the timers; they stand still until `start`.
   *
   * @param programFd of a perf event program
   * @param cpus to be sampled, asked again at each `follow`
   * @param hitsOf how often the timer of a CPU has fired so far
   * @param time is told when a timer begins and ends
   * @throws {SystemCallError} if not one of the CPUs takes a timer
   */
  constructor(
    programFd: number,
    periodNs: number,
    cpus: () => readonly number[],
    hitsOf: (cpu: number) => number,
    time: CpuTimeKeeper,
    logger: Logger,
  ) {
    this.#programFd = programFd;
    this.#periodNs = periodNs;
    this.#cpus = cpus;
    this.#hitsOf = hitsOf;
    this.#time = time;
    this.#logger = logger;
    this.follow();
    const [refusal] = this.#refused.values();
    if (refusal && this.#events.size === 0) throw refusal;
  }

  /** CPUs that have a timer. */
  get count(): number {
    return this.#events.size;
  }

  start(): void {
    this.#started = true;
    for (const [cpu, fd] of this.#events) this.#enable(cpu, fd);
  }

  setPeriod(periodNs: number): void {
    this.#periodNs = periodNs;
    this.#time.setPeriod(periodNs / 1e6);
    for (const fd of this.#events.values()) setEventPeriod(fd, periodNs);
  }

  /** Looks which CPUs there are now. One that refuses its timer is tried again at the next look. */
  follow(): void {
    const wanted = new Set(this.#cpus());
    for (const [cpu, fd] of this.#events) {
      // A CPU that went and came back looks as before, but its timer never fires again.
      if (wanted.has(cpu) && !this.#time.isDead(cpu, this.#hitsOf(cpu))) continue;
      closeDescriptor(fd);
      this.#events.delete(cpu);
      this.#time.end(cpu);
    }
    for (const cpu of wanted) {
      if (this.#events.has(cpu)) continue;
      try {
        this.#open(cpu);
        this.#refused.delete(cpu);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
        if (!this.#refused.has(cpu)) this.#logger.warn("a CPU can't be sampled", { cpu, reason: error.message });
        this.#refused.set(cpu, error);
      }
    }
  }

  close(): void {
    for (const [cpu, fd] of this.#events) {
      closeDescriptor(fd);
      this.#time.end(cpu);
    }
    this.#events.clear();
  }

  #open(cpu: number): void {
    const fd = openCpuClock(cpu, this.#periodNs);
    try {
      attachProgram(fd, this.#programFd);
      if (this.#started) this.#enable(cpu, fd);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    this.#events.set(cpu, fd);
  }

  #enable(cpu: number, fd: number): void {
    this.#time.begin(cpu, this.#hitsOf(cpu));
    enableEvent(fd);
  }
}
