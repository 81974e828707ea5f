/** Podflame's unwinder on registers and stacks that perf and gdb copied, beside what they make of them. */
import { execFile } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  bytesSource,
  type ByteSource,
  type CodeSpace,
  type ElfFile,
  openElf,
  UnwindEnd,
  Unwinder,
  UnwindTables,
} from "#symbols";
import { readPerfData, type PerfSample } from "./perf-data.ts";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 << 20;
/** perf prints addresses within files, ours are of the process: what they share is the place in the page. */
const PAGE_BYTES = 4096;
const REGISTERS = 17;

/** How two lists of frames compare, over all samples. */
export interface Comparison {
  readonly samples: number;
  /** Share of ours that came to a root. */
  readonly complete: number;
  /** Share of the samples in which both lists are the same. */
  readonly equal: number;
  /** Share of the samples in which one list is the beginning of the other. */
  readonly agreeing: number;
  readonly meanFrames: number;
  /** How many of ours ended for which reason, by name in `UnwindEnd`. */
  readonly ends: Readonly<Record<string, number>>;
  /** Time to unwind one sample when all rows are known, in microseconds. */
  readonly warmMicros: number;
}

/** Something executable that a process mapped. */
interface Executable {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly path: string;
}

type ElfCode = { readonly elf: ElfFile; readonly tables: UnwindTables | undefined };

/** Files that are opened once for all; disposing closes them. */
class OpenFiles implements Disposable {
  readonly #descriptors: number[] = [];
  readonly #files = new Map<string, ElfCode | undefined>();

  open(path: string): ElfCode | undefined {
    let file = this.#files.get(path);
    if (file === undefined) {
      const elf = openElf(path === "[vdso]" ? ownVdso() : this.#source(path));
      file = "segments" in elf ? { elf, tables: UnwindTables.open(elf) } : undefined;
      this.#files.set(path, file);
    }
    return file;
  }

  #source(path: string): ByteSource {
    const descriptor = openSync(path, "r");
    this.#descriptors.push(descriptor);
    const { size } = fstatSync(descriptor);
    return { sizeBytes: size, read: (target, position) => readSync(descriptor, target, 0, target.length, position) };
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }
}

/** The same for all processes of a kernel. */
function ownVdso(): ByteSource {
  const [range = ""] = /^\S+(?=.*\[vdso\])/m.exec(readFileSync("/proc/self/maps", "utf8")) ?? [];
  const [start = 0, end = 0] = range.split("-").map((address) => parseInt(address, 16));
  const bytes = new Uint8Array(end - start);
  const memory = openSync("/proc/self/mem", "r");
  readSync(memory, bytes, 0, bytes.length, start);
  closeSync(memory);
  return bytesSource(bytes);
}

/** The code of a process; of a file whose path holds `keeping` that without unwind data keeps frame pointers. */
function codeSpace(mapped: readonly Executable[], files: OpenFiles, keeping: RegExp): CodeSpace {
  const known = new Map<Executable, ReturnType<CodeSpace["unwindCodeAt"]>>();
  return {
    unwindCodeAt(address) {
      const mapping = mapped.findLast(({ start, end }) => address >= start && address < end);
      if (!mapping) return undefined;
      let code = known.get(mapping);
      if (!code) {
        const isFile = mapping.path.startsWith("/") && !mapping.path.startsWith("//");
        const file = isFile || mapping.path === "[vdso]" ? files.open(mapping.path) : undefined;
        const position = address - mapping.start + mapping.fileOffset;
        const bias = file ? (file.elf.toVirtualAddress(position) ?? position) - address : 0;
        code = { bias, tables: file?.tables, keepsFramePointers: !file || keeping.test(mapping.path) };
        known.set(mapping, code);
      }
      return code;
    },
  };
}

/** Bytes that are kept of a file's unwind data for each function. */
export function indexCost(path: string): number {
  using files = new OpenFiles();
  const { tables } = files.open(path) ?? {};
  if (!tables) throw new Error(`${path} has no unwind data`);
  return tables.memoryBytes / tables.functions;
}

const END_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(UnwindEnd).map(([name, end]) => [end, name]));

/**
 * Records a command with perf and unwinds what it copied.
 *
 * @param keeping which files keep frame pointers in code without unwind data, as V8's builtins do
 */
export async function besidePerf(command: readonly string[], keeping = /\/node$/): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), "podflame-unwinding-"));
  try {
    const file = join(folder, "perf.data");
    const record = ["record", "-q", "-F", "199", "-e", "cpu-clock:u", "--call-graph", "dwarf,65528", "-o", file, "--"];
    await run("perf", [...record, ...command], { maxBuffer: MAX_OUTPUT_BYTES });
    const script = ["script", "--no-inline", "-F", "tid,time,ip,sym", "-i", file];
    const { stdout } = await run("perf", script, { maxBuffer: MAX_OUTPUT_BYTES });
    return compare(file, stdout, keeping);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compare(file: string, script: string, keeping: RegExp): Comparison {
  using files = new OpenFiles();
  const { samples, mappings } = readPerfData(file);
  const theirs = new Map<string, readonly number[]>();
  for (const block of script.split("\n\n")) {
    const [header = "", ...frames] = block.trim().split("\n");
    const [tid = "", time = ""] = header.trim().split(/\s+/);
    theirs.set(
      `${Number(tid)} ${time.replace(":", "")}`,
      frames.map((line) => parseInt(line.trim(), 16)).filter((address) => address < 2 ** 60),
    );
  }
  const unwinder = new Unwinder("x86_64");
  const spaces = new Map<number, CodeSpace>();
  for (const pid of new Set(samples.map((sample) => sample.pid))) {
    const mapped = mappings.filter((mapping) => mapping.pid === pid && mapping.executable);
    spaces.set(pid, codeSpace(mapped, files, keeping));
  }
  const unwind = (sample: PerfSample): number =>
    unwinder.unwind(
      {
        words: sample.words,
        registersAt: 0,
        stackAt: REGISTERS * 2,
        stackBytes: sample.stackBytes,
        top: 0,
        isMainThread: sample.pid === sample.tid,
      },
      spaces.get(sample.pid)!,
    );
  for (let round = 0; round < 5; round++) for (const sample of samples) unwind(sample);
  const startedMs = performance.now();
  for (const sample of samples) unwind(sample);
  const warmMicros = ((performance.now() - startedMs) * 1000) / samples.length;

  const ends: Record<string, number> = {};
  let [equal, agreeing, frames] = [0, 0, 0];
  for (const sample of samples) {
    const end = END_NAMES.get(unwind(sample))!;
    ends[end] = (ends[end] ?? 0) + 1;
    const ours = [...unwinder.addresses.subarray(0, unwinder.count)];
    frames += ours.length;
    const list = theirs.get(`${sample.tid} ${sample.time}`) ?? [];
    const common = Math.min(ours.length, list.length);
    const agrees = common > 0 && ours.slice(0, common).every((address, at) => isSamePlace(address, list[at]!));
    if (agrees) agreeing++;
    if (agrees && ours.length === list.length) equal++;
  }
  const count = samples.length;
  return {
    samples: count,
    complete: (ends["Root"] ?? 0) / count,
    equal: equal / count,
    agreeing: agreeing / count,
    meanFrames: frames / count,
    ends,
    warmMicros,
  };
}

/** Callers are told as the address of the call by some, and as that behind it by others. */
function isSamePlace(ours: number, theirs: number): boolean {
  const between = (ours % PAGE_BYTES) - (theirs % PAGE_BYTES);
  return between === 0 || between === 1 || between === 1 - PAGE_BYTES;
}

/** What gdb says of a process that it stopped, and what we make of the same registers and stack. */
export interface StoppedStack {
  readonly theirs: readonly number[];
  readonly ours: readonly number[];
  readonly end: string;
}

const GDB_REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split(" ");
const COPIED_BYTES = 16_384;
const PRINT_FRAMES = [
  "exec('frames=[]\\nframe=gdb.newest_frame()\\ninterrupted=0",
  "while frame:",
  // As the unwinder tells them: what a signal interrupted didn't call, so one is added.
  " if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME): frames.append(frame.pc() + interrupted)",
  " interrupted=int(frame.type() == gdb.SIGTRAMP_FRAME)",
  " frame=frame.older()",
  'print("frames="+str(frames))\')',
].join("\\n");

/** Stops the first thread of a process with gdb, and lets it go on. */
export async function besideGdb(pid: number): Promise<StoppedStack> {
  const folder = mkdtempSync(join(tmpdir(), "podflame-gdb-"));
  try {
    const dump = join(folder, "stack");
    // The copy ends at the mapping's end, which is no more than a few pages above the program's start.
    const commands = [
      "set backtrace past-main on",
      ...GDB_REGISTERS.map((register) => `printf "${register}=%lu\\n", $${register}`),
      `python gdb.execute("dump binary memory ${dump} $rsp " + str(min(int(gdb.parse_and_eval("(unsigned long)$rsp")) + ${COPIED_BYTES}, ${stackEnd(pid)})))`,
      // Inlined functions and those that only jumped on are gdb's inference, and not on the stack.
      `python ${PRINT_FRAMES}`,
    ];
    const { stdout } = await run("gdb", [
      "-batch",
      "-nx",
      "-p",
      String(pid),
      ...commands.flatMap((each) => ["-ex", each]),
    ]);
    const registers = GDB_REGISTERS.map((name) => BigInt(new RegExp(`^${name}=(\\d+)`, "m").exec(stdout)![1]!));
    const stack = readFileSync(dump);
    const words = new Uint32Array(REGISTERS * 2 + stack.length / 4);
    words.set(new Uint32Array(BigUint64Array.from(registers).buffer));
    words.set(new Uint32Array(stack.buffer, stack.byteOffset, stack.length / 4), REGISTERS * 2);
    using files = new OpenFiles();
    const unwinder = new Unwinder("x86_64");
    const copied = {
      words,
      registersAt: 0,
      stackAt: REGISTERS * 2,
      stackBytes: stack.length,
      top: 0,
      isMainThread: true,
    };
    const end = END_NAMES.get(unwinder.unwind(copied, codeSpace(executables(pid), files, /\/node$/)))!;
    const [, list = "[]"] = /^frames=(.*)$/m.exec(stdout) ?? [];
    return {
      theirs: JSON.parse(list) as number[],
      ours: [...unwinder.addresses.subarray(0, unwinder.count)],
      end,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function executables(pid: number): readonly Executable[] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, start, end, flags, offset, path] = /^(\w+)-(\w+) (\S+) (\w+) \S+ \d+ *(.*)$/.exec(line) ?? [];
    if (flags?.[2] !== "x") return [];
    return [{ start: parseInt(start!, 16), end: parseInt(end!, 16), fileOffset: parseInt(offset!, 16), path: path! }];
  });
}

/** Where the first thread's stack ends. */
function stackEnd(pid: number): number {
  const [, end] = /^\w+-(\w+) .*\[stack\]$/m.exec(readFileSync(`/proc/${pid}/maps`, "utf8")) ?? [];
  return parseInt(end ?? "0", 16);
}
