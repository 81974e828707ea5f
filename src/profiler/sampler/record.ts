/**
 * The record that the kernel programs write for each sample and event, as `bpf/record.h` lays it out: a header of 96
 * bytes, then sections of 64-bit words. Read in place, as pairs of 32-bit words: no record makes garbage.
 */

/** What a record tells. Kinds not listed here are to be skipped: newer programs may write more. */
export const RecordKind = {
  /** A CPU was busy with this task when its timer fired. */
  OnCpu: 1,
  /** A task is back on a CPU after `valueNs` away from it; the stack is the one with which it left. */
  OffCpu: 2,
  /** The process runs another executable from now on: mappings and names are new. */
  Exec: 3,
  /** The last thread of the process ended. */
  Exit: 4,
  /** A cgroup was made, in one of the two hierarchies: before any sample of it. */
  CgroupMade: 7,
  /** A cgroup was removed. */
  CgroupRemoved: 8,
} as const;

/** Bits of `flags`. */
export const RecordFlag = {
  /** The task was in the kernel: the first frame is the kernel's. */
  KernelMode: 1 << 0,
  /** The user walk ended where the thread's stack began: no caller is missing at the root. */
  Rooted: 1 << 1,
  /** There were more user frames than `MAX_FRAMES`: callers near the root are missing. */
  FrameLimit: 1 << 2,
  /** The stack is longer than what was copied of it. */
  CopyCut: 1 << 3,
  /** The stack, or a part of it, couldn't be read. */
  CopyFailed: 1 << 4,
  /** It wasn't copied, for as many had been as are allowed in a second. */
  CopySpent: 1 << 5,
  /** It wasn't copied, for the ring was half full. */
  CopyNoRoom: 1 << 6,
  /** Frames of the interpreter could not be read, or the thread could not be found among the interpreter's. */
  InterpreterLost: 1 << 7,
  /** There were more frames of the interpreter than `MAX_FRAMES`: the outer ones are missing. */
  InterpreterLimit: 1 << 8,
  /** There were more kernel frames than `MAX_FRAMES`. */
  KernelTruncated: 1 << 9,
  /** The user walk ended at a frame that can't be read, or that isn't one, and not near the top. */
  BadFrame: 1 << 10,
  /** A thread of the kernel: there is no user part. */
  KernelThread: 1 << 11,
  /**
   * The outermost frame has a frame pointer of zero, as the first frame of a goroutine has: in a Go program this is
   * the root. In others it is so only together with `Rooted`.
   */
  ZeroEnd: 1 << 12,
  /** The process has several interpreters, so that nobody knows whose frames the thread runs: there are none. */
  Interpreters: 1 << 13,
} as const;

/** Values of `interpreter`. */
export const Interpreter = { None: 0, CPython: 1 } as const;

/** Bound on the frames of each part of a stack, as the kernel's own walks have it (`perf_event_max_stack`). */
export const MAX_FRAMES = 127;
/** Bytes ahead of the sections. */
export const HEADER_BYTES = 96;
/** The layout that `RecordView` reads; records of another are skipped. */
export const RECORD_VERSION = 1;
/** In place of the sections: the parent's id, and a name of up to 255 bytes. */
const CGROUP_NAME_AT = HEADER_BYTES + 8;
const CGROUP_NAME_BYTES = 256;
/** Bytes of a record of a cgroup that was made. */
export const CGROUP_RECORD_BYTES = CGROUP_NAME_AT + CGROUP_NAME_BYTES;
/** Longest text of `comm`, without the zero behind it. */
const COMM_BYTES = 15;

const HIGH = 2 ** 32;
/** What one word of 64 bits is in the `words` of a record. */
const HALVES = 2;
/** 64-bit words of an interpreter's frame, as `bpf/record.h` lays them out. */
export const INTERPRETER_FRAME_WORDS = 2;

/**
 * One record in place. Valid only inside the call that hands it out: the memory is used for other records afterwards,
 * and the view is moved to the next one. What is to be kept is copied.
 *
 * Stacks are read from `words`, each 64-bit word as low and high half, from the index `kernelAt` or `userAt` on; leaf
 * first. User frames have `userWords` words each:
 *
 * | word | holds |
 * | --- | --- |
 * | 0 | address: exact for the leaf, the return address for all others |
 * | 1 | V8 only: slot of the context, or the marker of a stub's frame |
 * | 2 | V8 only: the SharedFunctionInfo of the frame's function; 0 if the frame isn't JavaScript's |
 * | 3 | V8 only: slot of the BytecodeArray |
 * | 4 | V8 only: slot of the bytecode offset, a small integer |
 *
 * Times and addresses are doubles: exact below 2^53, which is 104 days of nanoseconds (beyond, within 2 ns) and every
 * user address of 4-level page tables. Kernel addresses need both halves.
 */
export class RecordView {
  /** The memory in which the record stands. */
  words: Uint32Array = new Uint32Array(0);
  #at = 0;
  #commKey0 = -1;
  #commKey1 = -1;
  #commKey2 = -1;
  #commKey3 = -1;
  #comm = "";

  /** Moves the view to the record whose header begins at `words[at]`. The caller has checked its bounds. */
  moveTo(words: Uint32Array, at: number): this {
    this.words = words;
    this.#at = at;
    return this;
  }

  /** Index of the record's first half word in `words`. */
  get at(): number {
    return this.#at;
  }

  get version(): number {
    return this.words[this.#at]! & 0xff;
  }

  /** One of `RecordKind`. */
  get kind(): number {
    return (this.words[this.#at]! >>> 8) & 0xff;
  }

  /** Bits of `RecordFlag`. */
  get flags(): number {
    return this.words[this.#at]! >>> 16;
  }

  get sizeBytes(): number {
    return this.words[this.#at + 1]!;
  }

  /** The process, as /proc here numbers it; 0 if it isn't in that pid namespace. */
  get pid(): number {
    return this.words[this.#at + 2]!;
  }

  /** The thread, in the same way. */
  get tid(): number {
    return this.words[this.#at + 3]!;
  }

  /** CLOCK_MONOTONIC; of an off-CPU record when the task came back. */
  get timeNs(): number {
    return this.#double(4);
  }

  /** When the process started, since boot (CLOCK_BOOTTIME): with `pid` it tells processes apart for good. */
  get startTimeNs(): number {
    return this.#double(6);
  }

  /** Inode of the directory in the v2 hierarchy; 1 is its root. */
  get cgroupV2(): number {
    return this.#double(8);
  }

  /** Inode of the directory in the memory controller's own hierarchy of version 1; 0 if it has none. */
  get cgroupV1(): number {
    return this.#double(10);
  }

  /** Where the thread's stack begins; 0 if it runs on another one, or it isn't known. */
  get stackTop(): number {
    return this.#double(12);
  }

  /** Nanoseconds off the CPU; 0 for other kinds. */
  get valueNs(): number {
    return this.#double(14);
  }

  get cpu(): number {
    return this.words[this.#at + 16]! & 0xffff;
  }

  get kernelFrames(): number {
    return this.words[this.#at + 16]! >>> 16;
  }

  get userFrames(): number {
    return this.words[this.#at + 17]! & 0xffff;
  }

  /** 64-bit words a user frame: 1, or 5 in processes walked as V8's. */
  get userWords(): number {
    return (this.words[this.#at + 17]! >>> 16) & 0xff;
  }

  /** Registers of the leaf, by their DWARF numbers, the pc last: 17 on x86-64, 33 on arm64; 0 if the stack wasn't copied. */
  get registers(): number {
    return this.words[this.#at + 17]! >>> 24;
  }

  /** The interpreter whose frames were looked for, one of `Interpreter`. */
  get interpreter(): number {
    return (this.words[this.#at + 18]! >>> 16) & 0xff;
  }

  /** Frames of an interpreter, leaf first. */
  get interpreterFrames(): number {
    return this.words[this.#at + 18]! & 0xffff;
  }

  /** 64-bit words copied from the stack; 0 if it wasn't. They may hold secrets: to be used where they stand, not kept. */
  get stackWords(): number {
    return this.words[this.#at + 19]! & 0xffff;
  }

  /** Index in `words` of the first kernel frame's low half. */
  get kernelAt(): number {
    return this.#at + HEADER_BYTES / 4;
  }

  /** Index in `words` of the first user frame's low half. */
  get userAt(): number {
    return this.kernelAt + HALVES * this.kernelFrames;
  }

  /** Index in `words` behind the last user frame: what stands between `kernelAt` and here is what was walked. */
  get userEnd(): number {
    return this.userAt + HALVES * this.userFrames * this.userWords;
  }

  /** Index in `words` of the first register's low half. */
  get registersAt(): number {
    return this.userEnd;
  }

  /** Index in `words` of the first interpreter frame's low half: two words each. */
  get interpreterAt(): number {
    return this.registersAt + HALVES * this.registers;
  }

  /** Index in `words` of the low half of the word to which the stack pointer pointed. */
  get stackAt(): number {
    return this.interpreterAt + HALVES * INTERPRETER_FRAME_WORDS * this.interpreterFrames;
  }

  /** The thread's name, up to 15 bytes. The same string as before if it is the same name. */
  get comm(): string {
    const { words } = this;
    const at = this.#at + 20;
    if (
      words[at] !== this.#commKey0 ||
      words[at + 1] !== this.#commKey1 ||
      words[at + 2] !== this.#commKey2 ||
      words[at + 3] !== this.#commKey3
    ) {
      this.#commKey0 = words[at]!;
      this.#commKey1 = words[at + 1]!;
      this.#commKey2 = words[at + 2]!;
      this.#commKey3 = words[at + 3]!;
      const bytes = Buffer.from(words.buffer, words.byteOffset + at * 4, COMM_BYTES);
      const end = bytes.indexOf(0);
      this.#comm = bytes.toString("utf8", 0, end < 0 ? COMM_BYTES : end);
    }
    return this.#comm;
  }

  /** Of a cgroup that was made or removed: which hierarchy it is in. */
  get cgroupHierarchy(): 1 | 2 {
    return this.cgroupV1 === 0 ? 2 : 1;
  }

  /** Of a cgroup that was made or removed: the inode of its directory. */
  get cgroupId(): number {
    return this.cgroupV1 || this.cgroupV2;
  }

  /** Of a cgroup that was made: the inode of the directory above it. */
  get cgroupParent(): number {
    return this.#double(HEADER_BYTES / 4);
  }

  /** Of a cgroup that was made: the name of its directory; empty if it couldn't be read. */
  get cgroupName(): string {
    const { words } = this;
    const bytes = Buffer.from(words.buffer, words.byteOffset + this.#at * 4 + CGROUP_NAME_AT, CGROUP_NAME_BYTES);
    const end = bytes.indexOf(0);
    return bytes.toString("utf8", 0, Math.max(end, 0));
  }

  /** Whether the layout is the one known here, of whole words, and the sections that the header counts are within. */
  get wellFormed(): boolean {
    const { sizeBytes } = this;
    const end = this.kind === RecordKind.CgroupMade ? CGROUP_RECORD_BYTES : this.#sectionsEnd();
    return this.version === RECORD_VERSION && sizeBytes % 8 === 0 && end <= sizeBytes;
  }

  #sectionsEnd(): number {
    const words =
      this.kernelFrames +
      this.userFrames * this.userWords +
      this.registers +
      this.interpreterFrames * INTERPRETER_FRAME_WORDS +
      this.stackWords;
    return HEADER_BYTES + 8 * words;
  }

  #double(half: number): number {
    return this.words[this.#at + half]! + this.words[this.#at + half + 1]! * HIGH;
  }
}
