import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { MemoryBlocks, ProcessMemory } from "./process-memory.ts";

/**
 * Maps 8 pages, the sixth unreadable, each byte the number of its page; tells the address. On each line that it gets it
 * does something to them.
 */
const PROGRAM = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
at = libc.mmap(None, 8 * 4096, 3, 0x22, -1, 0)
for page in range(8): ctypes.memset(at + page * 4096, page + 1, 4096)
libc.munmap(at + 5 * 4096, 4096)
print(at, flush=True)
for line in sys.stdin:
    if line == "rewrite\\n": ctypes.memset(at + 7 * 4096, 0x77, 4096)
    if line == "unmap\\n": libc.munmap(at + 6 * 4096, 4096)
    print("done", flush=True)
`;

const hasPython = hasProgram("python3", "--version");

class Mapped {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Address of the first page. */
  at = 0;

  constructor() {
    this.#child = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  static async start(): Promise<Mapped> {
    const mapped = new Mapped();
    mapped.at = Number(await mapped.#line());
    return mapped;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Has something done, and waits until it is. */
  async tell(line: string): Promise<void> {
    this.#child.stdin!.write(`${line}\n`);
    await this.#line();
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }

  async #line(): Promise<string> {
    return (await this.#lines.next()).value as string;
  }
}

describe.skipIf(!hasPython)("memory of another process", () => {
  let mapped: Mapped;
  let at: number;
  let blocks: MemoryBlocks;
  let memory: ProcessMemory;

  beforeAll(async () => {
    mapped = await Mapped.start();
    ({ at } = mapped);
  });
  afterAll(() => mapped.end());

  beforeEach(() => {
    blocks = new MemoryBlocks(4);
    memory = ProcessMemory.open(mapped.pid, blocks)!;
  });
  afterEach(() => memory.close());

  test("is read across blocks", () => {
    const bytes = Buffer.alloc(4096 + 8);
    expect(memory.read(bytes, at + 4092)).toBe(bytes.length);
    expect([bytes[0], bytes[4], bytes[4099], bytes[4100], bytes[4103]]).toEqual([1, 2, 2, 3, 3]);
  });

  test("ends where it can't be read", () => {
    expect(memory.read(Buffer.alloc(64), at + 5 * 4096 - 16)).toBe(16);
    expect(memory.read(Buffer.alloc(64), at + 5 * 4096)).toBe(0);
  });

  test.each([0, -1, 0.5, NaN, 2 ** 60, 2 ** 56 - 8, 0xdead_beef_dead])("has nothing at %d", (address) => {
    expect(memory.read(Buffer.alloc(64), address)).toBe(0);
  });

  test("is remembered until it is forgotten", async () => {
    const byte = Buffer.alloc(1);
    const page = at + 7 * 4096;
    memory.read(byte, page);
    expect(byte[0]).toBe(8);
    await mapped.tell("rewrite");
    memory.read(byte, page + 1);
    expect(byte[0]).toBe(8);
    memory.forget();
    memory.read(byte, page + 1);
    expect(byte[0]).toBe(0x77);
  });

  test("that is unmapped meanwhile is gone", async () => {
    const page = at + 6 * 4096;
    expect(memory.read(Buffer.alloc(8), page)).toBe(8);
    await mapped.tell("unmap");
    memory.forget();
    expect(memory.read(Buffer.alloc(8), page)).toBe(0);
  });

  test("is never another reader's, though they share blocks", () => {
    const own = ProcessMemory.open(process.pid, blocks)!;
    const theirs = Buffer.alloc(8);
    for (let round = 0; round < 20; round++) {
      const page = round % 5;
      expect(memory.read(theirs, at + page * 4096)).toBe(8);
      expect(theirs[0]).toBe(page + 1);
      own.read(Buffer.alloc(8), at + page * 4096);
    }
    own.close();
  });

  test("is gone with the process, whoever has its pid then", async () => {
    const short = await Mapped.start();
    const theirs = ProcessMemory.open(short.pid, blocks)!;
    await short.end();
    expect(theirs.read(Buffer.alloc(8), short.at)).toBe(0);
    expect(ProcessMemory.open(short.pid, blocks)).toBeUndefined();
    theirs.close();
  });

  test("is not read after closing", () => {
    memory.close();
    memory.close();
    expect(memory.read(Buffer.alloc(8), at)).toBe(0);
  });
});
