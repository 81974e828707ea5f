import { cpuTimes, type CpuTime } from "#linux";

/** How often the timer of a CPU fired, in all and while the CPU was idle. */
export interface CpuHits {
  readonly all: number;
  readonly idle: number;
}

/** Periods of a CPU in which its timer did not fire. */
export interface UnhitPeriods {
  /** The CPU was idle: some kernels let the timers of an idle CPU sleep too. */
  readonly idle: number;
  /** The CPU wasn't ours (steal time), or interrupts were off. */
  readonly missed: number;
}

interface Watched {
  sinceMs: number;
  /** Periods that passed while the timer was on. */
  expected: number;
  /** Those of them in which the CPU was idle, by the kernel's own account. */
  idle: number;
  times: CpuTime | undefined;
  /** At the last hit that was noticed. */
  hits: number;
  busyMs: number;
}

/** A CPU that was busy for so long without a hit has a timer that never fires again. */
const DEAD_AFTER_MS = 1000;
const DEAD_AFTER_PERIODS = 10;

/**
 * Knows how often the timers should have fired, and so what happened when they did not: time is what the periods are
 * measured by, and the kernel's account of idle time (/proc/stat, in steps of 10 ms) tells sleep from being held up.
 */
export class CpuTimeKeeper {
  readonly #watched = new Map<number, Watched>();
  readonly #times: () => ReadonlyMap<number, CpuTime>;
  readonly #nowMs: () => number;
  #periodMs: number;

  /**
   * @param times idle and busy time of each CPU; those of /proc/stat unless a test says otherwise
   * @param nowMs time that never goes back
   */
  constructor(periodMs: number, times = cpuTimes, nowMs = (): number => performance.now()) {
    this.#periodMs = periodMs;
    this.#times = times;
    this.#nowMs = nowMs;
  }

  /** The timer of a CPU begins. If it had one before, the time between doesn't count. */
  begin(cpu: number, hits: number): void {
    const before = this.#watched.get(cpu);
    const times = this.#times().get(cpu);
    this.#watched.set(cpu, {
      sinceMs: this.#nowMs(),
      expected: before?.expected ?? 0,
      idle: before?.idle ?? 0,
      times,
      hits,
      busyMs: times?.busyMs ?? 0,
    });
  }

  /** The timer of a CPU ends. */
  end(cpu: number): void {
    this.#advance();
    const watched = this.#watched.get(cpu);
    if (watched) watched.sinceMs = Infinity;
  }

  /** All timers have another period from now on. */
  setPeriod(periodMs: number): void {
    this.#advance();
    this.#periodMs = periodMs;
  }

  /** Whether the timer of a CPU is dead: not one more hit for long, though the CPU was busy. */
  isDead(cpu: number, hits: number): boolean {
    const watched = this.#watched.get(cpu);
    const busyMs = this.#times().get(cpu)?.busyMs;
    if (!watched || busyMs === undefined) return false;
    if (hits !== watched.hits) {
      watched.hits = hits;
      watched.busyMs = busyMs;
      return false;
    }
    return busyMs - watched.busyMs > Math.max(DEAD_AFTER_MS, DEAD_AFTER_PERIODS * this.#periodMs);
  }

  /** Periods of all CPUs that passed without a hit, up to now. */
  unhit(hitsOf: (cpu: number) => CpuHits): UnhitPeriods {
    this.#advance();
    let idle = 0;
    let missed = 0;
    for (const [cpu, watched] of this.#watched) {
      const hits = hitsOf(cpu);
      const unhit = Math.max(0, watched.expected - hits.all);
      const asleep = Math.min(unhit, Math.max(0, watched.idle - hits.idle));
      idle += asleep;
      missed += unhit - asleep;
    }
    return { idle: Math.round(idle), missed: Math.round(missed) };
  }

  #advance(): void {
    const nowMs = this.#nowMs();
    const times = this.#times();
    for (const [cpu, watched] of this.#watched) {
      if (watched.sinceMs === Infinity) continue;
      const now = times.get(cpu);
      watched.expected += (nowMs - watched.sinceMs) / this.#periodMs;
      if (now && watched.times) watched.idle += Math.max(0, now.idleMs - watched.times.idleMs) / this.#periodMs;
      watched.sinceMs = nowMs;
      watched.times = now;
    }
  }
}
