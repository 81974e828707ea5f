import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { addressOf, systemCall } from "../../../linux/ffi.ts";
import type { V8Layout } from "../layout.ts";
import type { RemoteMemory } from "../remote-memory.ts";

const SYS_WAIT4 = 61;
const SYS_PTRACE = 101;
const PTRACE_CONT = 7;
const PTRACE_GETREGS = 12;
const PTRACE_DETACH = 17;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
/** `__WALL`: threads as well. */
const WAIT_ALL = 0x40000000;
/** Words of `struct user_regs_struct` (sys/user.h). */
const REGISTERS = { COUNT: 27, RBP: 4, RIP: 16, RSP: 19 } as const;
const MAX_FRAMES = 127;

/** One line of /proc/PID/maps. */
export interface TestMapping {
  readonly start: number;
  readonly end: number;
  readonly executable: boolean;
  readonly fileOffset: number;
  /** Empty for anonymous memory. */
  readonly path: string;
}

/** What the kernel program records of a user stack: five words a frame, leaf first. */
export interface TestStack {
  readonly words: Uint32Array;
  readonly frames: number;
}

/**
 * A process whose main thread is stopped now and then through ptrace, to see its stack as the kernel program does, but
 * independently of it. Stopping, reading and going on happen in one turn, for libuv would take the stop of a child for
 * its end.
 */
export class TracedProcess implements Disposable {
  readonly pid: number;
  readonly memory: RemoteMemory & { reads: number };
  readonly #fd: number;
  readonly #registers = new BigUint64Array(REGISTERS.COUNT);

  constructor(pid: number) {
    this.pid = pid;
    ptrace(PTRACE_SEIZE, pid);
    this.#fd = openSync(`/proc/${pid}/mem`, "r");
    const fd = this.#fd;
    this.memory = {
      reads: 0,
      read(target, address) {
        this.reads++;
        try {
          return readSync(fd, target, 0, target.length, address);
        } catch {
          return 0;
        }
      },
    };
  }

  /** Stops the thread, hands its stack to `use`, lets it go on. */
  sample<T>(layout: V8Layout, use: (stack: TestStack) => T): T {
    ptrace(PTRACE_INTERRUPT, this.pid);
    const status = new Int32Array(1);
    const waited = systemCall(SYS_WAIT4, this.pid, addressOf(status), WAIT_ALL);
    if (waited !== this.pid) throw new Error(`wait4: ${waited}`);
    try {
      ptrace(PTRACE_GETREGS, this.pid, addressOf(this.#registers));
      return use(this.#walk(layout));
    } finally {
      ptrace(PTRACE_CONT, this.pid);
    }
  }

  mappings(): TestMapping[] {
    return readFileSync(`/proc/${this.pid}/maps`, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [range = "", flags = "", offset = "", , , ...path] = line.split(/ +/);
        const [start = "", end = ""] = range.split("-");
        return {
          start: Number.parseInt(start, 16),
          end: Number.parseInt(end, 16),
          executable: flags.includes("x"),
          fileOffset: Number.parseInt(offset, 16),
          path: path.join(" "),
        };
      });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    try {
      ptrace(PTRACE_INTERRUPT, this.pid);
      systemCall(SYS_WAIT4, this.pid, addressOf(new Int32Array(1)), WAIT_ALL);
      ptrace(PTRACE_DETACH, this.pid);
    } catch {
      // It is gone, and with it the tracing.
    }
  }

  #walk(layout: V8Layout): TestStack {
    const words = new Uint32Array(MAX_FRAMES * 10);
    const whole = new BigUint64Array(words.buffer);
    let pc = this.#registers[REGISTERS.RIP]!;
    let fp = this.#registers[REGISTERS.RBP]!;
    let frames = 0;
    while (frames < MAX_FRAMES) {
      const slots = whole.subarray(frames * 5);
      slots[0] = pc;
      frames++;
      const context = this.#word(fp, layout.frame.contextOrMarker);
      const fun = this.#word(fp, layout.frame.function);
      slots[1] = context ?? 0n;
      slots[2] = isPointer(context) && isPointer(fun) ? (this.#word(fun! - 1n, layout.sharedOfFunction) ?? 0n) : 0n;
      slots[3] = this.#word(fp, layout.frame.bytecodeArray) ?? 0n;
      slots[4] = this.#word(fp, layout.frame.bytecodeOffset) ?? 0n;
      const next = this.#word(fp, 0);
      const back = this.#word(fp, 8);
      if (next === undefined || back === undefined || next <= fp || back === 0n) break;
      pc = back;
      fp = next;
    }
    return { words, frames };
  }

  #word(address: bigint, offset: number): bigint | undefined {
    const word = new BigUint64Array(1);
    const at = Number(address) + offset;
    if (at < 4096 || at >= 2 ** 47) return undefined;
    return this.memory.read(new Uint8Array(word.buffer), at) === 8 ? word[0] : undefined;
  }
}

function isPointer(word: bigint | undefined): boolean {
  return word !== undefined && (word & 3n) === 1n && word < 2n ** 47n;
}

function ptrace(request: number, pid: number, data: bigint = 0n): void {
  const result = systemCall(SYS_PTRACE, request, pid, 0, data);
  if (result < 0) throw new Error(`ptrace ${request} of ${pid}: errno ${-result}`);
}
