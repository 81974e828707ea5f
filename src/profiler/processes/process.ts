import type { ProcessFacts, ProcessMappings, ServiceVariables } from "#linux";

/** What could be read of a process while it was there. */
export interface ProcessReading {
  readonly facts: ProcessFacts;
  /** Executable mappings; undefined where they may not be read. */
  readonly mappings: ProcessMappings | undefined;
  /** Undefined where it was not asked for, or may not be read. */
  readonly service: ServiceVariables | undefined;
  /** CLOCK_MONOTONIC by which all of it had been read. */
  readonly readAtNs: number;
}

/** What the first record of a process tells. */
export interface ProcessStart {
  readonly number: number;
  readonly pid: number;
  readonly startTimeNs: number;
  readonly comm: string;
  readonly isKernelThread: boolean;
  /** Number of the flush in which it comes. */
  readonly flush: number;
}

/**
 * A program that a process runs: exec makes another one of it, with another number. Made with the first sample, for
 * which everything needed is in the record; what is read besides may be missing, for many are gone by then.
 */
export class Process {
  /** Never used again. */
  readonly number: number;
  /** As /proc numbers it; 0 if it isn't in that pid namespace. */
  readonly pid: number;
  /** Nanoseconds since boot. */
  readonly startTimeNs: number;
  /** Name of the thread that was sampled first. */
  readonly comm: string;
  readonly isKernelThread: boolean;
  /** @internal Replaced, never changed, by the table. */
  reading: ProcessReading | undefined;
  /** @internal Number of the flush in which it was sampled last. */
  lastFlush: number;
  /** @internal Number of the flush in which it ended. */
  endedFlush: number | undefined;
  /** @internal CLOCK_MONOTONIC when mappings were read last. */
  mappedAtNs = -Infinity;

  constructor({ number, pid, startTimeNs, comm, isKernelThread, flush }: ProcessStart) {
    this.number = number;
    this.pid = pid;
    this.startTimeNs = startTimeNs;
    this.comm = comm;
    this.isKernelThread = isKernelThread;
    this.lastFlush = flush;
  }

  /** Undefined for kernel threads, and if the process was gone before it could be read. */
  get facts(): ProcessFacts | undefined {
    return this.reading?.facts;
  }

  /** As last read; see `ProcessTable.refreshMappings`. */
  get mappings(): ProcessMappings | undefined {
    return this.reading?.mappings;
  }

  get service(): ServiceVariables | undefined {
    return this.reading?.service;
  }
}
