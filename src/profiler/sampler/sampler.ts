import {
  closeDescriptor,
  deleteElement,
  enableRunTimeStats,
  liftLockedMemoryLimit,
  LoadedObject,
  lookUpElement,
  MappedRing,
  onlineCpus,
  openRawTracepoint,
  pageBytes,
  parseBpfObject,
  possibleCpus,
  ProgramLoadError,
  SystemCallError,
  updateElement,
} from "#linux";
import type { Logger, Telemetry } from "#telemetry";
import { AwayStacks } from "./away-stacks.ts";
import { problemsHere } from "./check-kernel.ts";
import { CpuTimeKeeper } from "./cpu-time.ts";
import { CpuTimers } from "./cpu-timers.ts";
import {
  cgroupKey,
  configBytes,
  controlBytes,
  CpuCounters,
  numberKey,
  processBytes,
  readKernelOffsets,
  type ControlSettings,
} from "./kernel-layout.ts";
import { findKernelFunction } from "./kernel-function.ts";
import { findPidNamespace } from "./pid-namespace.ts";
import { KernelSupportError, type KernelProblem } from "./kernel-support.ts";
import { readProgramFile } from "./program-file.ts";
import { RecordStream } from "./record-stream.ts";
import type { RecordView } from "./record.ts";
import type {
  CgroupSelection,
  ProcessWalk,
  ProgramStats,
  SamplerCounters,
  SampleSource,
  StackCopySettings,
} from "./sample-source.ts";

/** What is to be sampled, and how. */
export interface SamplerSettings {
  /** Samples a second and CPU, 1 to 999. */
  readonly frequencyHz: number;
  /** Rounded up to a power of two; 64 KiB a CPU, at least 256 KiB, unless said. */
  readonly ringBytes?: number;
  /** Share of the intervals off the CPU that is recorded, 0 to 1. With 0, the default, switches cost nothing. */
  readonly offCpuThreshold?: number;
  /** How stacks are copied that frame pointers don't tell; without it none are. */
  readonly copies?: StackCopySettings | undefined;
  /** The only process wanted. */
  readonly pid?: number;
  /**
   * Has the kernel measure the programs, for `stats()`: two looks at its clock a run, of every BPF program. Needs
   * CAP_SYS_ADMIN, without which there are samples, but zeros in `stats()`.
   */
  readonly measureRunTime?: boolean;
  /** CPUs to sample, asked again at each `followCpus`; those that are online unless said. */
  readonly cpus?: () => readonly number[];
}

const ON_CPU = "on_cpu";
const EXEC = "sched_process_exec";
const EXIT = "sched_process_exit";
const SWITCH = "sched_switch";
const CGROUP_MADE = "cgroup_mkdir";
const CGROUP_REMOVED = "cgroup_rmdir";
const LIFECYCLE = [EXEC, EXIT, CGROUP_MADE, CGROUP_REMOVED] as const;

const MAX_FREQUENCY_HZ = 999;
const RING_BYTES_A_CPU = 64 * 1024;
const MIN_RING_BYTES = 256 * 1024;
const MAX_RING_BYTES = 1 << 30;
/** Share of the ring that off-CPU records may fill: there can be thousands a second, and samples come first. */
const OFF_CPU_ROOM = 0.75;
/** The same of copied stacks, which are the largest: a sample without is better than none. */
const COPY_ROOM = 0.5;
const FIRST_KEY = numberKey(0);
const ANY_VALUE = Uint8Array.of(1);

/** Samples of all CPUs by the kernel programs of `bpf/`. All of it ends with the process, however that ends. */
export class Sampler implements SampleSource {
  readonly #object: LoadedObject;
  readonly #ring: MappedRing;
  readonly #timers: CpuTimers;
  /** Attached tracepoints, and the switch of the kernel's measuring. */
  readonly #descriptors: number[] = [];
  readonly #counters: CpuCounters;
  readonly #time: CpuTimeKeeper;
  readonly #records: RecordStream;
  readonly selection: CgroupSelection;
  readonly kernelMemoryBytes: number;
  #control: ControlSettings;
  #started = false;
  #closed = false;

  /**
   * Loads the programs and opens a timer for each CPU; nothing is sampled before `start`.
   *
   * @throws {KernelSupportError} with everything that is missing
   */
  static open(settings: SamplerSettings, telemetry: Telemetry): Sampler {
    const file = readProgramFile();
    const offsets = readKernelOffsets();
    const problems = [file, offsets].filter((part) => "remedy" in part) as KernelProblem[];
    if ("remedy" in file || "remedy" in offsets) throw new KernelSupportError([...problems, ...problemsHere()]);
    liftLockedMemoryLimit();

    const cpus = possibleCpus();
    const ringBytes = ringSize(settings.ringBytes ?? Math.max(MIN_RING_BYTES, RING_BYTES_A_CPU * cpus));
    const object = parseBpfObject(file);
    const offCpu = (settings.offCpuThreshold ?? 0) > 0;
    const onlyPid = settings.pid ?? 0;
    const pidNamespace = findPidNamespace();
    const offCpuRoomBytes = ringBytes * OFF_CPU_ROOM;
    const copyRoomBytes = ringBytes * COPY_ROOM;
    const { copies } = settings;
    const load = (hasTaskRegisters: boolean): LoadedObject => {
      const config = { onlyPid, pidNamespace, hasTaskRegisters, offCpuRoomBytes, copies, copyRoomBytes };
      return LoadedObject.load(object, {
        programs: [ON_CPU, ...LIFECYCLE, ...(offCpu ? [SWITCH] : [])],
        variables: new Map([[".rodata.config", configBytes(offsets, config)]]),
        maxEntries: new Map([
          ["ring", ringBytes],
          ["sample_scratch", cpus],
        ]),
      });
    };
    return explained(() => {
      const loaded = loadEitherWay(load, telemetry);
      try {
        return new Sampler(loaded, ringBytes, cpus, settings, telemetry);
      } catch (error) {
        loaded.close();
        throw error;
      }
    });
  }

  private constructor(
    object: LoadedObject,
    ringBytes: number,
    possible: number,
    settings: SamplerSettings,
    { logger }: Telemetry,
  ) {
    const periodNs = periodOf(settings.frequencyHz);
    this.#object = object;
    this.#counters = new CpuCounters(possible);
    this.#time = new CpuTimeKeeper(periodNs / 1e6);
    this.#control = { selection: "all", offCpuShare: settings.offCpuThreshold ?? 0 };
    this.#writeControl();
    this.selection = {
      use: (mode) => {
        this.#control = { ...this.#control, selection: mode };
        this.#writeControl();
      },
      add: (cgroup) => updateElement(object.map("selected"), cgroupKey(cgroup), ANY_VALUE),
      remove: (cgroup) => deleteElement(object.map("selected"), cgroupKey(cgroup)),
    };
    const hitsOf = (cpu: number): number => this.#counters.hits(cpu);
    const program = object.program(ON_CPU);
    this.#timers = new CpuTimers(program, periodNs, settings.cpus ?? onlineCpus, hitsOf, this.#time, logger);
    try {
      if (settings.measureRunTime) this.#measure(logger);
      this.#ring = new MappedRing(object.map("ring"), ringBytes);
    } catch (error) {
      this.#closeDescriptors();
      throw error;
    }
    const scheduler = this.#control.offCpuShare > 0 ? findKernelFunction("__schedule") : undefined;
    this.#records = new RecordStream(this.#ring.reader, new AwayStacks(scheduler));
    this.kernelMemoryBytes = object.memoryBytes;
  }

  /**
   * Begins to sample. Once.
   *
   * @throws {KernelSupportError}
   */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    explained(() => {
      // Lives first, so that none is missed of a process or a cgroup that has samples.
      for (const tracepoint of LIFECYCLE) this.#attach(tracepoint);
      this.#timers.start();
      if (this.#control.offCpuShare > 0) this.#attach(SWITCH);
    });
  }

  drain(visit: (record: RecordView) => void, maxRecords = Infinity): number {
    return this.#closed ? 0 : this.#records.drain(visit, maxRecords);
  }

  setFrequency(hz: number): void {
    this.#timers.setPeriod(periodOf(hz));
  }

  followCpus(): void {
    if (this.#closed) return;
    this.#readCounters();
    this.#timers.follow();
  }

  setProcess(pid: number, walk: ProcessWalk): boolean {
    if (!walk.v8 && !walk.python && !walk.copies) {
      this.forgetProcess(pid);
      return true;
    }
    const value = processBytes(walk);
    return value !== undefined && updateElement(this.#object.map("processes"), numberKey(pid), value);
  }

  forgetProcess(pid: number): void {
    deleteElement(this.#object.map("processes"), numberKey(pid));
  }

  counters(): SamplerCounters {
    this.#readCounters();
    const counters = this.#counters;
    const unhit = this.#time.unhit((cpu) => ({ all: counters.hits(cpu), idle: counters.of(cpu, "idle") }));
    return {
      samples: counters.sum("samples"),
      idle: counters.sum("idle") + unhit.idle,
      denied: counters.sum("denied"),
      otherProcess: counters.sum("otherProcess"),
      lost: counters.sum("lost"),
      missed: unhit.missed,
      kernelMode: counters.sum("kernelMode"),
      truncated: counters.sum("truncated"),
      offCpu: this.#records.offCpu,
      offCpuLost: counters.sum("offCpuLost") + this.#records.offCpuDropped,
      lifecycle: counters.sum("lifecycle"),
      lifecycleLost: counters.sum("lifecycleLost"),
      copies: counters.sum("copies"),
      copiedBytes: counters.sum("copiedBytes"),
      copiesFailed: counters.sum("copiesFailed"),
      copiesSpent: counters.sum("copiesSpent"),
      copiesNoRoom: counters.sum("copiesNoRoom"),
      malformed: this.#records.malformed,
    };
  }

  get onlineCpus(): number {
    return this.#timers.count;
  }

  /** Time that the programs took, of all CPUs; zeros unless `measureRunTime` is set. */
  stats(): ProgramStats {
    let runTimeNs = 0;
    let runs = 0;
    for (const facts of this.#object.programFacts().values()) {
      runTimeNs += facts.runTimeNs;
      runs += facts.runs;
    }
    return { runTimeNs, runs };
  }

  close(): void {
    if (this.#closed) return;
    this.#readCounters();
    this.#closed = true;
    this.#closeDescriptors();
    this.#ring.close();
    this.#object.close();
  }

  #measure(logger: Logger): void {
    try {
      this.#descriptors.push(enableRunTimeStats());
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      logger.warn("the kernel doesn't measure its programs: CAP_SYS_ADMIN is needed for that", {
        reason: error.message,
      });
    }
  }

  #attach(tracepoint: string): void {
    this.#descriptors.push(openRawTracepoint(tracepoint, this.#object.program(tracepoint)));
  }

  #closeDescriptors(): void {
    this.#timers.close();
    for (const fd of this.#descriptors.splice(0)) closeDescriptor(fd);
  }

  #readCounters(): void {
    if (!this.#closed) lookUpElement(this.#object.map("cpu_states"), FIRST_KEY, this.#counters.bytes);
  }

  #writeControl(): void {
    updateElement(this.#object.map(".bss.control"), FIRST_KEY, controlBytes(this.#control));
  }
}

/** Loads with the helper that finds the user's registers; a kernel before 5.15 hasn't got it. */
function loadEitherWay(load: (hasTaskRegisters: boolean) => LoadedObject, telemetry: Telemetry): LoadedObject {
  try {
    return load(true);
  } catch (error) {
    if (!(error instanceof ProgramLoadError) || !/(?:unknown|invalid) func/.test(error.logTail)) throw error;
    telemetry.logger.info("this kernel has no bpf_task_pt_regs (since Linux 5.15): user registers are found by hand");
    return load(false);
  }
}

/** Does it; what the kernel refuses becomes what is missing here, and how to get it. */
function explained<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const problems = problemsHere();
    const unexpected = { what: error.message, remedy: "podflame doctor kernel says more; please report it" };
    throw new KernelSupportError(problems.length > 0 ? problems : [unexpected], { cause: error });
  }
}

function periodOf(hz: number): number {
  if (!(hz >= 1 && hz <= MAX_FREQUENCY_HZ)) throw new RangeError(`sampling frequency: ${hz} Hz isn't 1 to 999`);
  return Math.round(1e9 / hz);
}

function ringSize(atLeast: number): number {
  let size = pageBytes();
  while (size < atLeast && size < MAX_RING_BYTES) size *= 2;
  return size;
}
