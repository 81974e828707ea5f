/**
 * What `bpf/state.h` and user space share, as bytes: settings and offsets, the control word, entries of the tables,
 * counters. Also which offsets of this kernel's structures the programs need.
 */
import { readFileSync } from "node:fs";
import { MACHINE, readBtf, type BtfQuery } from "#linux";
import type { KernelProblem } from "./kernel-support.ts";
import type {
  CgroupId,
  CopyMode,
  CPythonWalk,
  ProcessWalk,
  SelectionMode,
  StackCopySettings,
} from "./sample-source.ts";

const BTF_PATH = "/sys/kernel/btf/vmlinux";
const ABSENT = 0xffff_ffff;

const THREAD_POINTER = MACHINE === "arm64" ? "thread.uw.tp_value" : "thread.fsbase";

const QUERY: BtfQuery = {
  members: {
    task_struct: [
      "flags",
      "pid",
      "mm",
      "stack",
      THREAD_POINTER,
      "signal",
      "cgroups",
      "group_leader",
      "start_boottime",
      "thread_pid",
    ],
    pid: ["level", "numbers"],
    upid: ["nr", "ns"],
    pid_namespace: ["ns.inum"],
    mm_struct: ["start_stack"],
    signal_struct: ["live"],
    css_set: ["subsys"],
    cgroup_subsys_state: ["cgroup", "parent"],
    cgroup: ["self", "root", "kn"],
    cgroup_root: ["hierarchy_id", "subsys_mask"],
    kernfs_node: ["id", "name"],
  },
  sizes: ["pt_regs", "upid"],
  enums: { cgroup_subsys_id: ["memory_cgrp_id"] },
};

/** Offsets that `struct config` holds from `task_flags` on, in its order. */
const CONFIG_MEMBERS = [
  "task_struct.flags",
  "task_struct.pid",
  "task_struct.mm",
  "task_struct.stack",
  `task_struct.${THREAD_POINTER}`,
  "task_struct.signal",
  "task_struct.cgroups",
  "task_struct.group_leader",
  "task_struct.start_boottime",
  "task_struct.thread_pid",
  "pid.level",
  "pid.numbers",
  "upid.nr",
  "upid.ns",
  "pid_namespace.ns.inum",
  "mm_struct.start_stack",
  "signal_struct.live",
] as const;
/** Those that it holds behind the memory controller's slot. */
const CGROUP_MEMBERS = [
  "cgroup_subsys_state.cgroup",
  "cgroup_subsys_state.parent",
  "cgroup.self",
  "cgroup.root",
  "cgroup.kn",
  "cgroup_root.hierarchy_id",
  "cgroup_root.subsys_mask",
  "kernfs_node.id",
  "kernfs_node.name",
] as const;

/** `THREAD_SIZE` of ordinary configurations. Only kernels before 5.15 need it: later ones find the registers themselves. */
const KERNEL_STACK_BYTES = 16_384;

/** Offsets within the running kernel's structures. */
export type KernelOffsets = Uint32Array;

/** Reads the offsets that the programs need, or says what is missing. */
export function readKernelOffsets(path: string = BTF_PATH): KernelOffsets | KernelProblem {
  let answer;
  try {
    answer = readBtf(path, QUERY);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      what: `type information of the kernel (${path}): ${reason}`,
      remedy: "a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed; distributions since 2021 have it",
    };
  }
  const missing = [...CONFIG_MEMBERS, "css_set.subsys", ...CGROUP_MEMBERS].filter((name) => !answer.members.has(name));
  if (missing.length > 0) {
    return {
      what: `type information of the kernel (${path}): no ${missing.join(", ")}`,
      remedy: "this kernel's structures changed: a newer podflame is needed",
    };
  }
  const member = (name: string): number => answer.members.get(name)!;
  const memoryController = hasMemoryHierarchy() ? answer.enums.get("cgroup_subsys_id.memory_cgrp_id") : undefined;
  const bytesOf = (name: string): number => answer.sizes.get(name) ?? 0;
  return Uint32Array.from([
    ...CONFIG_MEMBERS.map(member),
    memoryController === undefined ? ABSENT : member("css_set.subsys") + 8 * memoryController,
    ...CGROUP_MEMBERS.map(member),
    memoryController === undefined ? 0 : 1 << memoryController,
    bytesOf("upid"),
    KERNEL_STACK_BYTES - bytesOf("pt_regs"),
  ]);
}

/**
 * Whether the memory controller has a hierarchy of its own. Where it is part of the unified one, its directory is that
 * of the v2 id or one above: nothing that five reads a sample would be worth.
 */
function hasMemoryHierarchy(): boolean {
  try {
    return /^memory\t(?!0\t)/m.test(readFileSync("/proc/cgroups", "latin1"));
  } catch {
    return false;
  }
}

/** What `struct config` holds beside the offsets. */
export interface ConfigSettings {
  /** The only process sampled; 0 for all. */
  readonly onlyPid: number;
  /** As `findPidNamespace` has it. */
  readonly pidNamespace: number;
  /** The kernel has `bpf_task_pt_regs`, since 5.15. */
  readonly hasTaskRegisters: boolean;
  /** Bytes waiting in the ring beyond which off-CPU records are given up. */
  readonly offCpuRoomBytes: number;
  /** Undefined if stacks aren't copied. */
  readonly copies: StackCopySettings | undefined;
  /** Bytes waiting in the ring beyond which stacks aren't copied. */
  readonly copyRoomBytes: number;
}

/** Content of `.rodata.config`. */
export function configBytes(offsets: KernelOffsets, settings: ConfigSettings): Uint8Array {
  const { onlyPid, pidNamespace, hasTaskRegisters, offCpuRoomBytes, copies, copyRoomBytes } = settings;
  const copying = [Math.min(copies?.limitBytes ?? 0, MAX_COPY_BYTES), copies?.perSecond ?? 0, copyRoomBytes];
  const words = [onlyPid, pidNamespace, hasTaskRegisters ? 1 : 0, ...offsets, offCpuRoomBytes, ...copying];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

const SELECTION: Readonly<Record<SelectionMode, number>> = { all: 0, only: 1, except: 2 };

/** What `struct control` holds. */
export interface ControlSettings {
  readonly selection: SelectionMode;
  /** Share of off-CPU intervals that are kept. */
  readonly offCpuShare: number;
}

/** Content of `.bss.control`. */
export function controlBytes({ selection, offCpuShare }: ControlSettings): Uint8Array {
  const threshold = Math.min(2 ** 32 - 1, Math.round(offCpuShare * 2 ** 32));
  return new Uint8Array(Uint32Array.of(SELECTION[selection], threshold).buffer);
}

const V1_KEY = 1n << 63n;

/** Key of `selected`. */
export function cgroupKey({ hierarchy, id }: CgroupId): Uint8Array {
  return new Uint8Array(BigUint64Array.of(hierarchy === 1 ? id | V1_KEY : id).buffer);
}

const PROCESS_BYTES = 128;
const WALK_V8 = 1;
/** The program reads so many bytes below a frame pointer. */
const SLOT_BYTES = 40;
const COPY_MODES: Readonly<Record<CopyMode, number>> = { "if-needed": 0, never: 1, always: 2 };
const KEPT_AT = 64;
const INTERPRETER_AT = 4;
const INTERPRETER_CPYTHON = 1;
const PYTHON_AT = 16;
const NO_CFRAME = 0xff;
/** So much is read of each of CPython's objects. */
const THREAD_BYTES = 168;
const FRAME_BYTES = 72;
const CODE_BYTES = 136;
/** Ranges of code that keeps frame pointers that the kernel knows of a process; the rest isn't told. */
export const MAX_KEPT_RANGES = 4;
/** The most that can be copied of a stack: `COPY_BYTES` of bpf/record.h. */
export const MAX_COPY_BYTES = 24_576;

/** Value of `processes`; undefined if the offsets aren't those of a frame: they come from a file that may be hostile. */
export function processBytes({ v8, python, copies }: ProcessWalk): Uint8Array | undefined {
  const view = new DataView(new ArrayBuffer(PROCESS_BYTES));
  if (v8) {
    const { fpContext, fpFunction, fpBytecodeArray, fpBytecodeOffset, functionShared } = v8;
    const slots = [fpContext, fpFunction, fpBytecodeArray, fpBytecodeOffset].map((offset) => (offset + SLOT_BYTES) / 8);
    if (slots.some((slot) => !Number.isInteger(slot) || slot < 0 || slot >= SLOT_BYTES / 8)) return undefined;
    if (!Number.isInteger(functionShared) || functionShared < 0 || functionShared > 0xffff) return undefined;
    view.setUint8(0, WALK_V8);
    for (const [index, slot] of slots.entries()) view.setUint8(8 + index, slot);
    view.setUint16(12, functionShared, true);
  }
  if (python && !putPython(view, python)) return undefined;
  if (copies) {
    view.setUint8(1, COPY_MODES[copies.mode]);
    view.setUint16(2, Math.min(copies.limitBytes ?? 0, MAX_COPY_BYTES), true);
    for (const [index, { start, end }] of (copies.kept ?? []).slice(0, MAX_KEPT_RANGES).entries()) {
      view.setBigUint64(KEPT_AT + 16 * index, BigInt(start), true);
      view.setBigUint64(KEPT_AT + 16 * index + 8, BigInt(end - start), true);
    }
  }
  return new Uint8Array(view.buffer);
}

/** Puts `struct python`; false if something is no field of what the program reads. */
function putPython(view: DataView, python: CPythonWalk): boolean {
  const { runtime, interpretersHead, interpreterNext, threadsHead, cframeFrame, stringHash } = python;
  const far = [interpretersHead, interpreterNext, threadsHead];
  const near = [cframeFrame ?? NO_CFRAME, stringHash];
  const entry = python.entry.value;
  const thread = [python.threadNext, python.threadId, python.threadFrame];
  const frame = [python.frameCode, python.framePrevious, python.frameInstruction];
  const code = [python.codeName, python.codeLine, python.codeVersion];
  const isWithin = (offsets: readonly number[], end: number): boolean =>
    offsets.every((offset) => Number.isInteger(offset) && offset >= 0 && offset < end);
  const isRight =
    Number.isSafeInteger(runtime) &&
    isWithin(far, 0x10000) &&
    isWithin([...near, entry], 0x100) &&
    isWithin(thread, THREAD_BYTES) &&
    isWithin([...frame, python.frameEntry], FRAME_BYTES) &&
    isWithin(code, CODE_BYTES) &&
    [...thread, ...frame, python.codeName].every((offset) => offset % 8 === 0);
  if (!isRight) return false;
  const entryShift = (python.frameEntry % 8) * 8;
  const words = [...thread, ...frame, python.frameEntry].map((offset) => Math.floor(offset / 8));
  view.setUint8(INTERPRETER_AT, INTERPRETER_CPYTHON);
  view.setBigUint64(PYTHON_AT, BigInt(runtime), true);
  for (const [index, offset] of far.entries()) view.setUint16(PYTHON_AT + 8 + 2 * index, offset, true);
  const bytes = [...near, ...words, entryShift, entry, ...code.map((offset) => Math.floor(offset / 8))];
  for (const [index, byte] of bytes.entries()) view.setUint8(PYTHON_AT + 14 + index, byte);
  return true;
}

/** A key of 32 bits: a pid, or the only key of an array. */
export function numberKey(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** Counters of `struct cpu_state`, in its order. */
export const CPU_COUNTERS = [
  "samples",
  "idle",
  "denied",
  "otherProcess",
  "lost",
  "kernelMode",
  "truncated",
  "leftCpu",
  "offCpuLost",
  "lifecycle",
  "lifecycleLost",
  "copies",
  "copiedBytes",
  "copiesFailed",
  "copiesSpent",
  "copiesNoRoom",
] as const;
/** Each hit of a timer adds to one of so many, the first ones. */
const HIT_COUNTERS = 5;

/** Values of the per-CPU counters, read into memory that is used again. */
export class CpuCounters {
  readonly bytes: Uint8Array;
  readonly #halves: Uint32Array;
  readonly #cpus: number;

  constructor(cpus: number) {
    this.#cpus = cpus;
    this.#halves = new Uint32Array(cpus * CPU_COUNTERS.length * 2);
    this.bytes = new Uint8Array(this.#halves.buffer);
  }

  /** A counter of one CPU. */
  of(cpu: number, counter: (typeof CPU_COUNTERS)[number]): number {
    return this.#at(cpu, CPU_COUNTERS.indexOf(counter));
  }

  /** How often the timer of a CPU fired. */
  hits(cpu: number): number {
    let hits = 0;
    for (let index = 0; index < HIT_COUNTERS; index++) hits += this.#at(cpu, index);
    return hits;
  }

  /** Sum over all CPUs. */
  sum(counter: (typeof CPU_COUNTERS)[number]): number {
    let sum = 0;
    for (let cpu = 0; cpu < this.#cpus; cpu++) sum += this.of(cpu, counter);
    return sum;
  }

  #at(cpu: number, index: number): number {
    const half = 2 * (cpu * CPU_COUNTERS.length + index);
    return this.#halves[half]! + this.#halves[half + 1]! * 2 ** 32;
  }
}
