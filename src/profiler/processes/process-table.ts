import {
  type CgroupTree,
  type Hierarchy,
  isSameStart,
  type ProcessFacts,
  type ProcessMappings,
  readMappings,
  readPlaceOfProcess,
  readProcess,
  readServiceVariables,
  type ServiceVariables,
} from "#linux";
import type { Telemetry } from "#telemetry";
import { PlaceResolver } from "./place-resolver.ts";
import { Process, type ProcessReading } from "./process.ts";
import { ProcessMetrics } from "./process-metrics.ts";
import type { SamplePlace } from "./sample-place.ts";

/** How /proc is read; replaced by tests. */
export interface ProcessReaders {
  readProcess(pid: number): ProcessFacts | undefined;
  readMappings(pid: number): ProcessMappings | undefined;
  readServiceVariables(pid: number): ServiceVariables | undefined;
  readPlaceOfProcess: typeof readPlaceOfProcess;
  /** CLOCK_MONOTONIC, as in records. */
  monotonicNs(): number;
}

export interface ProcessTableSettings {
  readonly telemetry: Pick<Telemetry, "metrics">;
  readonly tree: CgroupTree;
  /** Whether the two OTEL variables are wanted. */
  readonly serviceNames: boolean;
  /** Called once for each process that is forgotten: what hangs on it can go. */
  readonly onForgotten?: (process: Process) => void;
  /** Processes kept at most; those that were sampled longest ago go first. */
  readonly maxProcesses?: number;
  readonly readers?: ProcessReaders;
}

/** A busy node runs some thousand processes; most are never on a CPU when it is sampled. */
const DEFAULT_MAX_PROCESSES = 8_192;
/** Share that goes when the table is full, so that not every new process has to look for one. */
const EVICTED_SHARE = 1 / 8;
/** Flushes after which a process without samples is forgotten: its exit may have been lost. A minute, as a rule. */
const KEEP_QUIET_FLUSHES = 12;
/** An exit or exec is followed by a flush for the samples before it, and one more for those that were in the ring. */
const KEEP_ENDED_FLUSHES = 2;
/** Code that is generated makes new mappings all the time. */
const REMAP_INTERVAL_NS = 1e9;

const SYSTEM_READERS: ProcessReaders = {
  readProcess,
  readMappings: (pid) => readMappings(pid),
  readServiceVariables,
  readPlaceOfProcess,
  monotonicNs: () => Number(process.hrtime.bigint()),
};

/**
 * The processes that were sampled, by pid and start time. A process is read as soon as its first sample is seen, for it
 * may be gone a moment later, and not before. What it runs ends with exec or exit, and stays known until the flush after
 * next. Nothing that was read of another process that got the pid, or of the program after an exec, is ever taken for it.
 */
export class ProcessTable {
  readonly #settings: ProcessTableSettings;
  readonly #readers: ProcessReaders;
  readonly #maxProcesses: number;
  readonly #metrics: ProcessMetrics;
  readonly #places: PlaceResolver;
  /** What a pid stands for, by `keyOf`. */
  readonly #current = new Map<number, Process>();
  /** What ended, in order of time: some is still current, for tasks use the CPU to the end of their exit. */
  #ended: Process[] = [];
  #size = 0;
  #flush = 0;
  #lastNumber = 0;

  constructor(settings: ProcessTableSettings) {
    this.#settings = settings;
    this.#readers = settings.readers ?? SYSTEM_READERS;
    this.#maxProcesses = settings.maxProcesses ?? DEFAULT_MAX_PROCESSES;
    settings.tree.refresh();
    this.#places = new PlaceResolver(settings.tree, (pid) => this.#readers.readPlaceOfProcess(pid));
    this.#metrics = new ProcessMetrics(settings.telemetry.metrics, {
      processes: () => this.size,
      cgroups: () => settings.tree.size,
      cgroupsLeftOut: () => settings.tree.refused,
    });
  }

  /** Processes known, those that ended included. */
  get size(): number {
    return this.#size;
  }

  /**
   * The process of a sample. The arguments are the record's; a new one is read at once.
   *
   * @param pid 0 if /proc doesn't show the process: nothing is read of it
   * @param comm of the sampled thread
   */
  sampled(pid: number, startTimeNs: number, comm: string, isKernelThread: boolean): Process {
    const known = this.#current.get(keyOf(pid, startTimeNs));
    if (known?.startTimeNs === startTimeNs) {
      known.lastFlush = this.#flush;
      return known;
    }
    if (known !== undefined) this.#replace(known);
    if (this.#size >= this.#maxProcesses) this.#makeRoom();
    const number = ++this.#lastNumber;
    const found = new Process({ number, pid, startTimeNs, comm, isKernelThread, flush: this.#flush });
    this.#current.set(keyOf(pid, startTimeNs), found);
    this.#size++;
    this.#metrics.seen.add();
    this.#read(found);
    return found;
  }

  /** The process runs another program since `timeNs`, CLOCK_MONOTONIC. */
  exec(pid: number, startTimeNs: number, timeNs: number): void {
    const known = this.#current.get(keyOf(pid, startTimeNs));
    if (known?.startTimeNs !== startTimeNs) return;
    if (known.reading !== undefined && known.reading.readAtNs >= timeNs) {
      // What was read is the new program already. Its own first sample has it read again.
      known.reading = undefined;
      this.#metrics.readAfterExec.add();
    }
    this.#replace(known);
  }

  /** The process ended. Its last samples may still come. */
  exit(pid: number, startTimeNs: number): void {
    const known = this.#current.get(keyOf(pid, startTimeNs));
    if (known?.startTimeNs === startTimeNs) this.#end(known);
  }

  /** A cgroup was made: its samples come after this. */
  cgroupMade(hierarchy: Hierarchy, id: number, parentId: number, name: string): void {
    this.#settings.tree.made(hierarchy, id, parentId, name);
  }

  cgroupRemoved(hierarchy: Hierarchy, id: number): void {
    this.#settings.tree.removed(hierarchy, id);
  }

  /**
   * To whom a sample is credited, by the cgroups of its record. To be asked when the record is seen, for a short-lived
   * cgroup is soon gone.
   *
   * @returns undefined as long as it isn't known: ask again with the flush, then `finalPlaceOf`
   */
  placeOf(sampled: Process, cgroupV2: number, cgroupV1: number): SamplePlace | undefined {
    return this.#places.resolve(sampled, cgroupV2, cgroupV1);
  }

  /** As `placeOf`; what isn't known by now is unknown, with the reason. */
  finalPlaceOf(sampled: Process, cgroupV2: number, cgroupV1: number): SamplePlace {
    return this.#places.resolveFinally(sampled, cgroupV2, cgroupV1);
  }

  /**
   * Reads the mappings again, for an address that lies in none: not more than once a second, and only as long as the
   * process runs what it ran. True if they were read.
   */
  refreshMappings(mapped: Process): boolean {
    const { reading } = mapped;
    if (reading === undefined || this.#currentOf(mapped) !== mapped) return false;
    const nowNs = this.#readers.monotonicNs();
    if (nowNs - mapped.mappedAtNs < REMAP_INTERVAL_NS) return false;
    mapped.mappedAtNs = nowNs;
    const mappings = this.#readers.readMappings(mapped.pid);
    // Read afterwards: an exec in between shows in what is executed, an exit in nothing being there.
    const facts = this.#readers.readProcess(mapped.pid);
    const isSame =
      facts !== undefined &&
      isSameStart(facts.startTimeTicks, mapped.startTimeNs) &&
      facts.executablePath === reading.facts.executablePath &&
      mappings !== undefined &&
      isSameImage(reading, mappings);
    if (!isSame) return false;
    mapped.reading = { ...reading, mappings };
    return true;
  }

  /** To be called when all samples so far were named: forgets what ended before the last flush. */
  endFlush(): void {
    this.#flush++;
    let due = 0;
    while (due < this.#ended.length && this.#ended[due]!.endedFlush! + KEEP_ENDED_FLUSHES <= this.#flush) {
      this.#forget(this.#ended[due++]!);
    }
    if (due > 0) this.#ended = this.#ended.slice(due);
    for (const quiet of this.#current.values()) {
      if (quiet.endedFlush === undefined && quiet.lastFlush + KEEP_QUIET_FLUSHES <= this.#flush) this.#forget(quiet);
    }
    this.#settings.tree.sweep();
  }

  /** Forgets all processes, and lets go of the metrics. */
  close(): void {
    for (const ended of this.#ended) this.#forget(ended);
    this.#ended = [];
    for (const current of this.#current.values()) this.#forget(current);
    this.#metrics.close();
  }

  #currentOf({ pid, startTimeNs }: Process): Process | undefined {
    return this.#current.get(keyOf(pid, startTimeNs));
  }

  #read(found: Process): void {
    const { pid } = found;
    if (found.isKernelThread) return;
    if (pid === 0) {
      this.#metrics.notVisible.add();
      return;
    }
    const readAtNs = this.#readers.monotonicNs();
    const facts = this.#readers.readProcess(pid);
    // Another start: the pid was given to another process, or /proc counts pids of another namespace.
    if (facts === undefined || !isSameStart(facts.startTimeTicks, found.startTimeNs)) {
      (facts === undefined ? this.#metrics.goneUnread : this.#metrics.otherProcess).add();
      return;
    }
    found.mappedAtNs = readAtNs;
    const mappings = this.#readers.readMappings(pid);
    const service = this.#settings.serviceNames ? this.#readers.readServiceVariables(pid) : undefined;
    if (service?.discarded === true) this.#metrics.variablesDiscarded.add();
    // The time at the end: if any of it was read after an exec, all of it is in doubt.
    found.reading = { facts, mappings, service, readAtNs: this.#readers.monotonicNs() };
  }

  /** The pid stands for something else from now on. */
  #replace(known: Process): void {
    this.#current.delete(keyOf(known.pid, known.startTimeNs));
    this.#end(known);
  }

  #end(known: Process): void {
    if (known.endedFlush !== undefined) return;
    known.endedFlush = this.#flush;
    this.#ended.push(known);
  }

  #forget(known: Process): void {
    if (this.#currentOf(known) === known) this.#current.delete(keyOf(known.pid, known.startTimeNs));
    this.#size--;
    this.#settings.onForgotten?.(known);
  }

  /** Forgets an eighth of what is known: first what ended, then what was sampled longest ago. */
  #makeRoom(): void {
    const count = Math.max(1, Math.floor(this.#maxProcesses * EVICTED_SHARE));
    const evicted = this.#ended.splice(0, count);
    if (evicted.length === 0) {
      const running = [...this.#current.values()].sort((a, b) => a.lastFlush - b.lastFlush);
      evicted.push(...running.slice(0, count));
    }
    for (const process of evicted) this.#forget(process);
    this.#metrics.evicted.add(evicted.length);
  }
}

/** Pids are positive; of processes that have none here only the start tells them apart. */
function keyOf(pid: number, startTimeNs: number): number {
  return pid === 0 ? -startTimeNs : pid;
}

/** A program that executes itself is at another address then, or its functions are where they were. */
function isSameImage({ facts, mappings }: ProcessReading, now: ProcessMappings): boolean {
  const before = mappings?.list.find(({ path }) => path === facts.executablePath);
  if (before === undefined) return true;
  const after = now.find(before.start);
  return after?.inode === before.inode && after.start === before.start;
}
