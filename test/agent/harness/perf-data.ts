/**
 * What `perf record --call-graph dwarf` wrote: mappings, and samples with registers and stack, as tools/perf's
 * Documentation/perf.data-file-format.txt and perf_event_open(2) lay it out. x86-64.
 */
import { readFileSync } from "node:fs";

/** Bits of `sample_type` in the order in which their fields stand in a sample; how many words each takes. */
const FIELDS = [
  { bit: 16, words: 1 },
  { bit: 0, words: 1 },
  { bit: 1, words: 1 },
  { bit: 2, words: 1 },
  { bit: 3, words: 1 },
  { bit: 6, words: 1 },
  { bit: 9, words: 1 },
  { bit: 7, words: 1 },
  { bit: 8, words: 1 },
] as const;
const [TID, TIME, CALLCHAIN] = [1, 2, 5];
const [MMAP2, SAMPLE] = [10, 9];
/** perf's numbers of registers, in DWARF's order: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8–r15, rip. */
const PERF_REGISTERS = [0, 3, 2, 1, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 8] as const;

/** Something that a process mapped. */
export interface PerfMapping {
  readonly pid: number;
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly executable: boolean;
  readonly path: string;
}

export interface PerfSample {
  readonly pid: number;
  readonly tid: number;
  /** As perf prints it: seconds with six decimals. */
  readonly time: string;
  /** 17 registers, then the stack from the stack pointer on, as halves of 64-bit words. */
  readonly words: Uint32Array;
  readonly stackBytes: number;
}

export interface PerfData {
  readonly mappings: readonly PerfMapping[];
  /** In the order of time. */
  readonly samples: readonly PerfSample[];
}

/** Reads a whole file. */
export function readPerfData(path: string): PerfData {
  const file = readFileSync(path);
  const attributes = Number(file.readBigUInt64LE(24));
  const dataStart = Number(file.readBigUInt64LE(40));
  const dataEnd = dataStart + Number(file.readBigUInt64LE(48));
  const sampleType = Number(file.readBigUInt64LE(attributes + 24));
  const registerMask = file.readBigUInt64LE(attributes + 80);
  const mappings: PerfMapping[] = [];
  const samples: (PerfSample & { readonly timeNs: bigint })[] = [];
  for (let at = dataStart; at < dataEnd;) {
    const type = file.readUInt32LE(at);
    const size = file.readUInt16LE(at + 6);
    if (type === MMAP2) mappings.push(mappingAt(file, at + 8, at + size));
    if (type === SAMPLE) {
      const sample = sampleAt(file, at + 8, sampleType, registerMask);
      if (sample) samples.push(sample);
    }
    at += size;
  }
  return { mappings, samples: samples.sort((a, b) => Number(a.timeNs - b.timeNs)) };
}

function mappingAt(file: Buffer, at: number, end: number): PerfMapping {
  const start = Number(file.readBigUInt64LE(at + 8));
  const text = file.toString("utf8", at + 64, end);
  return {
    pid: file.readUInt32LE(at),
    start,
    end: start + Number(file.readBigUInt64LE(at + 16)),
    fileOffset: Number(file.readBigUInt64LE(at + 24)),
    executable: (file.readUInt32LE(at + 56) & 4) !== 0,
    path: text.slice(0, text.indexOf("\0")),
  };
}

function sampleAt(file: Buffer, start: number, type: number, registerMask: bigint) {
  let at = start;
  let pid = 0;
  let tid = 0;
  let timeNs = 0n;
  for (const { bit, words } of FIELDS) {
    if ((type & (1 << bit)) === 0) continue;
    if (bit === TID) [pid, tid] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
    if (bit === TIME) timeNs = file.readBigUInt64LE(at);
    at += 8 * words;
  }
  if ((type & (1 << CALLCHAIN)) !== 0) at += 8 + 8 * Number(file.readBigUInt64LE(at));
  const hasRegisters = file.readBigUInt64LE(at) !== 0n;
  at += 8;
  if (!hasRegisters) return undefined;
  const places = new Map<number, number>();
  for (let register = 0; register < 64; register++) {
    if (((registerMask >> BigInt(register)) & 1n) === 0n) continue;
    places.set(register, at);
    at += 8;
  }
  const claimed = Number(file.readBigUInt64LE(at));
  const stackAt = at + 8;
  const stackBytes = claimed === 0 ? 0 : Number(file.readBigUInt64LE(stackAt + claimed));
  const words = new Uint32Array(PERF_REGISTERS.length * 2 + stackBytes / 4);
  PERF_REGISTERS.forEach((register, index) => {
    words[index * 2] = file.readUInt32LE(places.get(register)!);
    words[index * 2 + 1] = file.readUInt32LE(places.get(register)! + 4);
  });
  for (let word = 0; word < stackBytes / 4; word++) {
    words[PERF_REGISTERS.length * 2 + word] = file.readUInt32LE(stackAt + word * 4);
  }
  const micros = timeNs / 1000n;
  const time = `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, "0")}`;
  return { pid, tid, timeNs, time, words, stackBytes };
}
