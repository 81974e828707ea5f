import type { RecordView } from "./record.ts";

/** Directory of a cgroup hierarchy by its inode, as records carry it. */
export interface CgroupId {
  /** 1: the hierarchy of the v1 memory controller; 2: the unified one. */
  readonly hierarchy: 1 | 2;
  readonly id: bigint;
}

/** Byte offsets that the kernel's walk through a V8 process needs, from that build's `v8dbg_*` symbols. */
export interface V8FrameOffsets {
  /** Slot of the context or frame marker from the frame pointer, −8 in builds seen so far. */
  readonly fpContext: number;
  /** Slot of the JSFunction from the frame pointer, −16. */
  readonly fpFunction: number;
  /** Slot of the BytecodeArray from the frame pointer, −32. */
  readonly fpBytecodeArray: number;
  /** Slot of the bytecode offset from the frame pointer, −40. */
  readonly fpBytecodeOffset: number;
  /** SharedFunctionInfo pointer inside a JSFunction, 24 in Node 20, 32 in Node 22 and 24. */
  readonly functionShared: number;
}

/** Where the kernel's walk finds the frames of one CPython process. Byte offsets, unless said. */
export interface CPythonWalk {
  /** Address of `_PyRuntime` in the process. */
  readonly runtime: number;
  readonly interpretersHead: number;
  readonly interpreterNext: number;
  readonly threadsHead: number;
  readonly threadNext: number;
  readonly threadId: number;
  /** Field of a thread state that leads to its innermost frame. */
  readonly threadFrame: number;
  /** Where that field leads to a structure that leads to the frame, its field; before 3.13. */
  readonly cframeFrame: number | undefined;
  readonly frameCode: number;
  readonly framePrevious: number;
  readonly frameInstruction: number;
  /** Byte that tells frames at which the interpreter was entered. */
  readonly frameEntry: number;
  /** What that byte is there. */
  readonly entry: { readonly value: number };
  readonly codeName: number;
  /** The word that these two fields lie in is part of the code's print. */
  readonly codeLine: number;
  readonly codeVersion: number;
  readonly stringHash: number;
}

/** When the kernel copies stacks: `if-needed` where the walk found no root, or hit code outside of `kept`. */
export type CopyMode = "if-needed" | "never" | "always";

/** How the stacks of all processes are copied. */
export interface StackCopySettings {
  /** Of a stack at most; multiples of 8 up to 24,576. */
  readonly limitBytes: number;
  /** On each CPU at most. What is beyond isn't copied, and says so. */
  readonly perSecond: number;
}

/** How the stacks of one process are copied. */
export interface ProcessCopies {
  readonly mode: CopyMode;
  /** Instead of that of all processes. */
  readonly limitBytes?: number;
  /** Addresses of code that keeps frame pointers, up to four ranges. */
  readonly kept?: readonly { readonly start: number; readonly end: number }[];
}

/**
 * How the kernel takes the user stacks of a process. What has no setting of its own is walked by frame pointers, and
 * copied if needed.
 */
export interface ProcessWalk {
  /** Walks with the slots of V8's frames. */
  readonly v8?: V8FrameOffsets;
  /** Walks CPython's frames as well. */
  readonly python?: CPythonWalk;
  readonly copies?: ProcessCopies;
}

/** Whose samples are taken. */
export type SelectionMode = "all" | "only" | "except";

/**
 * Which cgroups are sampled, decided in the kernel before any stack is walked. A task belongs to an entry if either of
 * its two directories is the entry's; directories below don't count.
 */
export interface CgroupSelection {
  /** `only` or `except` what was added; `all` ignores what was added without forgetting it. */
  use(mode: SelectionMode): void;
  /** Returns false if there is no room for one more. */
  add(cgroup: CgroupId): boolean;
  remove(cgroup: CgroupId): void;
}

/**
 * What the kernel programs and the ring counted since the start. Each hit of the timer is in exactly one of
 * `samples`, `idle`, `denied`, `otherProcess`, `lost` and `missed`: together they are wall time × CPUs × frequency.
 */
export interface SamplerCounters {
  /** On-CPU samples written to the ring. */
  readonly samples: number;
  /** Hits while the CPU had nothing to do. */
  readonly idle: number;
  /** Hits in cgroups that aren't selected. */
  readonly denied: number;
  /** Hits in processes other than the only one wanted. */
  readonly otherProcess: number;
  /** On-CPU samples for which the ring had no room. */
  readonly lost: number;
  /** Periods in which the timer didn't fire: the machine was held up (steal time), or interrupts were off for long. */
  readonly missed: number;
  /** Samples taken in kernel mode, of kernel threads too. */
  readonly kernelMode: number;
  /** Samples of user processes whose walk ended before a known root. */
  readonly truncated: number;
  /** Off-CPU intervals handed out. */
  readonly offCpu: number;
  /** Off-CPU intervals chosen, but lost: the ring or the table of sleepers was full. */
  readonly offCpuLost: number;
  /** Exec and exit records written, and those of cgroups that were made or removed. */
  readonly lifecycle: number;
  /** The same for which the ring had no room. */
  readonly lifecycleLost: number;
  /** Stacks copied, for samples on the CPU. */
  readonly copies: number;
  readonly copiedBytes: number;
  /** Stacks that were to be copied, but couldn't be read. */
  readonly copiesFailed: number;
  /** The same, but there had been as many as are allowed in that second. */
  readonly copiesSpent: number;
  /** The same, but the ring was half full. */
  readonly copiesNoRoom: number;
  /** Records skipped in user space: lengths that can't be, or an unknown layout. */
  readonly malformed: number;
}

/** What BPF_ENABLE_STATS tells of all programs since they were loaded. */
export interface ProgramStats {
  readonly runTimeNs: number;
  readonly runs: number;
}

/**
 * Samples of this machine as they come: what the profiler needs of `Sampler`, so that tests can play one. Not safe to
 * call from within `drain`'s `visit`.
 */
export interface SampleSource {
  /** Begins to sample. Once. */
  start(): void;
  /**
   * Hands out the records that wait, oldest first, at most `maxRecords`. `visit` must not keep the view.
   *
   * @returns how many were handed out
   */
  drain(visit: (record: RecordView) => void, maxRecords?: number): number;
  setFrequency(hz: number): void;
  /** Follows CPUs that came or went since the last call. Cheap; to be called every few seconds. */
  followCpus(): void;
  readonly selection: CgroupSelection;
  /**
   * Says how the stacks of `pid` are to be taken from now on.
   *
   * @returns false if there is no room for one more, or the offsets can't be those of frames
   */
  setProcess(pid: number, walk: ProcessWalk): boolean;
  forgetProcess(pid: number): void;
  counters(): SamplerCounters;
  /** CPUs that are sampled now. */
  readonly onlineCpus: number;
  /** Memory that the kernel holds for programs and tables, the ring included. */
  readonly kernelMemoryBytes: number;
  /** Ends sampling and frees all of it. */
  close(): void;
}
