/** A sampler for a test, its records as plain objects, and programs to be sampled. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MetricRegistry, silentLogger, systemClock, type Telemetry } from "#telemetry";
import { RecordKind, type RecordView } from "../../src/profiler/sampler/record.ts";
import { Sampler, type SamplerSettings } from "../../src/profiler/sampler/sampler.ts";
import { until } from "../peers/program.ts";

/** A record, copied out of the ring. */
export interface CopiedRecord {
  readonly kind: number;
  readonly flags: number;
  readonly pid: number;
  readonly tid: number;
  readonly timeNs: number;
  readonly startTimeNs: number;
  readonly cgroupV1: number;
  readonly cgroupV2: number;
  readonly stackTop: number;
  readonly valueNs: number;
  readonly cpu: number;
  readonly comm: string;
  readonly kernel: readonly bigint[];
  /** Words of each user frame, leaf first. */
  readonly user: readonly (readonly bigint[])[];
  /** Of a cgroup that was made or removed; parent and name only if it was made. */
  readonly cgroup: { readonly hierarchy: 1 | 2; readonly id: number; readonly parent?: number; readonly name?: string };
}

function copyOf(view: RecordView): CopiedRecord {
  const word = (at: number): bigint => BigInt(view.words[at]!) | (BigInt(view.words[at + 1]!) << 32n);
  const list = (at: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, index) => word(at + 2 * index));
  const { userWords, cgroupHierarchy: hierarchy, cgroupId: id } = view;
  const isMade = view.kind === RecordKind.CgroupMade;
  return {
    kind: view.kind,
    flags: view.flags,
    pid: view.pid,
    tid: view.tid,
    timeNs: view.timeNs,
    startTimeNs: view.startTimeNs,
    cgroupV1: view.cgroupV1,
    cgroupV2: view.cgroupV2,
    stackTop: view.stackTop,
    valueNs: view.valueNs,
    cpu: view.cpu,
    comm: view.comm,
    kernel: list(view.kernelAt, view.kernelFrames),
    user: Array.from({ length: view.userFrames }, (_, frame) => list(view.userAt + 2 * frame * userWords, userWords)),
    cgroup: isMade ? { hierarchy, id, parent: view.cgroupParent, name: view.cgroupName } : { hierarchy, id },
  };
}

export const telemetry: Telemetry = { logger: silentLogger, metrics: new MetricRegistry(), clock: systemClock };

/** A started sampler that keeps what it drains. */
export class Sampling implements Disposable {
  readonly sampler: Sampler;
  readonly records: CopiedRecord[] = [];

  constructor(settings: Partial<SamplerSettings> = {}) {
    this.sampler = Sampler.open({ frequencyHz: 999, ringBytes: 4 << 20, ...settings }, telemetry);
    this.sampler.start();
  }

  drain(): readonly CopiedRecord[] {
    this.sampler.drain((view) => this.records.push(copyOf(view)));
    return this.records;
  }

  /** Drains until there are enough records of a kind. */
  async collect(
    what: string,
    wanted: (record: CopiedRecord) => boolean,
    count: number,
  ): Promise<readonly CopiedRecord[]> {
    const found = (): readonly CopiedRecord[] => this.drain().filter(wanted);
    await until(`${count} records of ${what}`, () => found().length >= count);
    return found();
  }

  [Symbol.dispose](): void {
    this.sampler.close();
  }
}

/** A running program; disposing of it kills it. */
export class Running implements Disposable {
  readonly process: ChildProcess;
  output = "";

  constructor(file: string, args: readonly string[]) {
    this.process = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.process.stdout!.setEncoding("latin1").on("data", (text: string) => (this.output += text));
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Waits for a line that the program prints. */
  async says(line: string): Promise<this> {
    await until(`${JSON.stringify(line)} of a program`, () => this.output.includes(line));
    return this;
  }

  [Symbol.dispose](): void {
    this.process.kill("SIGKILL");
  }
}

/** Programs compiled for a test, and where their functions are. */
export class Compiled implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "podflame-bpf-"));
  readonly file = join(this.folder, "functions");
  readonly #functions = new Map<string, { readonly start: bigint; readonly end: bigint }>();

  constructor() {
    const source = join(import.meta.dirname, "programs/functions.c");
    // At a fixed address: what `nm` tells are the addresses at run time.
    const flags = ["-O1", "-fno-omit-frame-pointer", "-no-pie", "-pthread"];
    execFileSync("gcc", [...flags, "-o", this.file, source]);
    const list = execFileSync("nm", ["--print-size", "--defined-only", this.file], { encoding: "latin1" });
    for (const [, start, size, name] of list.matchAll(/^(\w+) (\w+) [tT] (\w+)$/gm)) {
      this.#functions.set(name!, { start: BigInt(`0x${start}`), end: BigInt(`0x${start}`) + BigInt(`0x${size}`) });
    }
  }

  /** The names of a stack's frames, leaf first, by `nm`; `?` outside the program. */
  names(record: CopiedRecord): readonly string[] {
    return record.user.map(([pc], index) => this.#name(pc! - (index === 0 ? 0n : 1n)));
  }

  #name(address: bigint): string {
    for (const [name, { start, end }] of this.#functions) if (address >= start && address < end) return name;
    return "?";
  }

  async run(mode: string): Promise<Running> {
    return await new Running(this.file, [mode]).says("ready");
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
