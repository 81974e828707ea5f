/**
 * bpf(2): maps, programs, links. Each function is one command; a file descriptor is all that a map or a program is,
 * and closing the last one frees it (nothing is ever pinned). Layouts of `union bpf_attr`: include/uapi/linux/bpf.h.
 */
import { readFileSync } from "node:fs";
import { addressOf, systemCall, SystemCallError } from "../ffi.ts";
import { SYSTEM_CALL } from "./system-calls.ts";

const Command = {
  MapCreate: 0,
  MapLookup: 1,
  MapUpdate: 2,
  MapDelete: 3,
  ProgramLoad: 5,
  RawTracepointOpen: 17,
  MapFreeze: 22,
  EnableStats: 32,
} as const;

/** Values of `enum bpf_map_type` that are used here. */
export const MapType = { Hash: 1, Array: 2, PerCpuArray: 6, RingBuffer: 27 } as const;
/** Values of `enum bpf_prog_type` that are used here. */
export const ProgramType = { PerfEvent: 7, RawTracepoint: 17 } as const;
/** Flag of a map: programs may only read it, and after a freeze the verifier knows its content. */
export const MAP_READ_ONLY_FOR_PROGRAMS = 1 << 7;

const E2BIG = 7;
const EAGAIN = 11;
const ENOENT = 2;
/** `BPF_OBJ_NAME_LEN` without the zero. */
const NAME_BYTES = 15;

/** Fills a `bpf_attr` and the memory that it points to; kept referenced until the call is done. */
class Attribute {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: ArrayBufferView[] = [];

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  pointer(offset: number, target: ArrayBufferView): this {
    this.#kept.push(target);
    this.#view.setBigUint64(offset, addressOf(target), true);
    return this;
  }

  /** Text of at most 15 bytes, of the letters that the kernel takes. */
  name(offset: number, name: string): this {
    const taken = name.replace(/[^\w.]/g, "_").slice(0, NAME_BYTES);
    this.bytes.set(Buffer.from(taken, "latin1"), offset);
    return this;
  }

  call(command: number): number {
    return systemCall(SYSTEM_CALL.bpf, command, addressOf(this.bytes), this.bytes.length);
  }
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, -result);
  return result;
}

/** What a map is to be. */
export interface MapShape {
  readonly name: string;
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/**
 * Makes a map.
 *
 * @returns its file descriptor
 * @throws {SystemCallError} EPERM also where a kernel before 5.11 charges the locked-memory limit
 */
export function createMap(shape: MapShape): number {
  const attribute = new Attribute(72)
    .u32(0, shape.type)
    .u32(4, shape.keyBytes)
    .u32(8, shape.valueBytes)
    .u32(12, shape.maxEntries)
    .u32(16, shape.flags)
    .name(28, shape.name);
  return checked(`bpf(BPF_MAP_CREATE) of ${shape.name}`, attribute.call(Command.MapCreate));
}

function element(fd: number, key: Uint8Array): Attribute {
  return new Attribute(32).u32(0, fd).pointer(8, key);
}

/**
 * Sets the value of a key.
 *
 * @returns false if the map is full
 * @throws {SystemCallError}
 */
export function updateElement(fd: number, key: Uint8Array, value: Uint8Array): boolean {
  const result = element(fd, key).pointer(16, value).call(Command.MapUpdate);
  if (result === -E2BIG) return false;
  checked("bpf(BPF_MAP_UPDATE_ELEM)", result);
  return true;
}

/**
 * Copies the value of a key into `value`; of a per-CPU map those of all possible CPUs, each rounded up to 8 bytes.
 *
 * @returns false if there is none
 * @throws {SystemCallError}
 */
export function lookUpElement(fd: number, key: Uint8Array, value: Uint8Array): boolean {
  const result = element(fd, key).pointer(16, value).call(Command.MapLookup);
  if (result === -ENOENT) return false;
  checked("bpf(BPF_MAP_LOOKUP_ELEM)", result);
  return true;
}

/**
 * Removes a key; nothing happens if it isn't there.
 *
 * @throws {SystemCallError}
 */
export function deleteElement(fd: number, key: Uint8Array): void {
  const result = element(fd, key).call(Command.MapDelete);
  if (result !== -ENOENT) checked("bpf(BPF_MAP_DELETE_ELEM)", result);
}

/**
 * Makes a map's content final for user space; with `MAP_READ_ONLY_FOR_PROGRAMS` for everybody.
 *
 * @throws {SystemCallError}
 */
export function freezeMap(fd: number): void {
  checked("bpf(BPF_MAP_FREEZE)", new Attribute(4).u32(0, fd).call(Command.MapFreeze));
}

/** What a program is to be. */
export interface ProgramShape {
  readonly name: string;
  readonly type: number;
  /** Instructions with the maps' file descriptors in place. */
  readonly instructions: Uint8Array;
  readonly license: string;
}

/** The verifier refused a program, or the kernel did before asking it. */
export class ProgramLoadError extends SystemCallError {
  readonly program: string;
  /** The end of the verifier's log, where the reason stands; empty if it said nothing. */
  readonly logTail: string;

  constructor(program: string, errno: number, logTail: string) {
    super(`bpf(BPF_PROG_LOAD) of ${program}`, errno);
    this.program = program;
    this.logTail = logTail;
    if (logTail) this.message += `\n${logTail}`;
  }
}

/** Attempts while signals interrupt the verifier: a profiler's timer may interrupt every one for a while. */
const LOAD_ATTEMPTS = 50;
const LOAD_PAUSE_MS = 2;
const LOG_BYTES = 1 << 20;
const LOG_TAIL_LINES = 12;

/**
 * Loads a program. The verifier's log is asked for only after a refusal: writing it costs more than verifying.
 *
 * @returns its file descriptor
 * @throws {ProgramLoadError}
 */
export function loadProgram(shape: ProgramShape): number {
  const first = tryLoad(shape, undefined);
  if (first >= 0) return first;
  const log = new Uint8Array(LOG_BYTES);
  const second = tryLoad(shape, log);
  if (second >= 0) return second;
  throw new ProgramLoadError(shape.name, -first, tail(log));
}

function tryLoad(shape: ProgramShape, log: Uint8Array | undefined): number {
  const attribute = new Attribute(72)
    .u32(0, shape.type)
    .u32(4, shape.instructions.length / 8)
    .pointer(8, shape.instructions)
    .pointer(16, Buffer.from(`${shape.license}\0`))
    .name(48, shape.name);
  // Level 1 with the log's end kept is the default of kernels since 6.4; older ones fail with ENOSPC if it's too long.
  if (log) attribute.u32(24, 1).u32(28, log.length).pointer(32, log);
  let result = -EAGAIN;
  for (let attempt = 0; result === -EAGAIN && attempt < LOAD_ATTEMPTS; attempt++) {
    if (attempt > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOAD_PAUSE_MS);
    result = attribute.call(Command.ProgramLoad);
  }
  return result;
}

function tail(log: Uint8Array): string {
  const end = log.indexOf(0);
  const text = Buffer.from(log.buffer, 0, end < 0 ? log.length : end).toString("latin1");
  return text.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}

/**
 * Attaches a raw tracepoint program by the tracepoint's name; needs no tracefs. Lasts until the link is closed.
 *
 * @returns the link's file descriptor
 * @throws {SystemCallError} ENOENT if this kernel has no such tracepoint
 */
export function openRawTracepoint(name: string, programFd: number): number {
  const attribute = new Attribute(16).pointer(0, Buffer.from(`${name}\0`)).u32(8, programFd);
  return checked(`bpf(BPF_RAW_TRACEPOINT_OPEN) of ${name}`, attribute.call(Command.RawTracepointOpen));
}

/**
 * Has the kernel measure all programs, which costs each run two looks at the clock. Lasts until the returned file
 * descriptor is closed.
 *
 * @throws {SystemCallError} EINVAL before Linux 5.8
 */
export function enableRunTimeStats(): number {
  return checked("bpf(BPF_ENABLE_STATS)", new Attribute(4).u32(0, 0).call(Command.EnableStats));
}

/** What `/proc/self/fdinfo` tells of a map or program. */
export interface DescriptorFacts {
  /** Memory that the kernel charges for it. */
  readonly memoryBytes: number;
  /** Only of programs, and only while stats are enabled. */
  readonly runTimeNs: number;
  readonly runs: number;
}

/** Reads the facts; what isn't told is 0. */
export function descriptorFacts(fd: number): DescriptorFacts {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  const value = (key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return { memoryBytes: value("memlock"), runTimeNs: value("run_time_ns"), runs: value("run_cnt") };
}
