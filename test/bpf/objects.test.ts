import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BpfObjectError, LoadedObject, parseBpfObject, ProgramLoadError } from "#linux";
import { configBytes, readKernelOffsets, type KernelOffsets } from "../../src/profiler/sampler/kernel-layout.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { hasProgram } from "../has-program.ts";

const FOLDER = join(import.meta.dirname, "../../bpf");
const OBJECTS = ["podflame.x86_64.o", "podflame.arm64.o"] as const;
const PROGRAMS = [
  "on_cpu",
  "sched_process_exec",
  "sched_process_exit",
  "sched_switch",
  "cgroup_mkdir",
  "cgroup_rmdir",
] as const;

const committed = (object: string): Buffer => readFileSync(join(FOLDER, object));

/** The objects are clang 14's: other releases write other instructions. */
function hasClang14(): boolean {
  return (
    hasProgram("clang", "--version") &&
    hasProgram("llvm-strip", "--version") &&
    hasProgram("sh", "-c", "clang --version | grep -q 'version 14'")
  );
}

describe.skipIf(!hasClang14())("the objects in the repository", () => {
  test("are what their sources give", () => {
    const folder = mkdtempSync(join(tmpdir(), "podflame-objects-"));
    try {
      execFileSync(join(FOLDER, "build.sh"), [folder]);
      for (const object of OBJECTS) {
        expect(readFileSync(join(folder, object)).equals(committed(object)), `${object}: run bpf/build.sh`).toBe(true);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("an object file", () => {
  test.for(OBJECTS)("%s holds the programs, and every reference of theirs is to a map", (object) => {
    const { programs, maps, license } = parseBpfObject(committed(object));
    expect(programs.map(({ name }) => name)).toEqual(PROGRAMS);
    expect(license).toBe("Dual MIT/GPL");
    expect(maps.map(({ name }) => name)).toEqual(
      expect.arrayContaining([".rodata.config", ".bss.control", "cpu_states", "ring", "selected", "processes", "away"]),
    );
    for (const { references } of programs) {
      expect(references.length).toBeGreaterThan(0);
      for (const { map } of references) expect(maps[map]).toBeDefined();
    }
  });

  test.skipIf(!hasProgram("llvm-readelf", "--version"))("is read as llvm-readelf reads it", () => {
    for (const object of OBJECTS) {
      const path = join(FOLDER, object);
      const sections = execFileSync("llvm-readelf", ["--sections", "--wide", path], { encoding: "latin1" });
      const relocations = execFileSync("llvm-readelf", ["--relocs", path], { encoding: "latin1" });
      const { programs } = parseBpfObject(committed(object));
      for (const { name, instructions, references } of programs) {
        const size = new RegExp(`\\s[\\w]+/${name}\\s+PROGBITS\\s+\\w+\\s+\\w+\\s+(\\w+)`).exec(sections)![1]!;
        expect(instructions.length).toBe(Number.parseInt(size, 16));
        const own = relocations.split("Relocation section").find((part) => part.includes(`/${name}'`))!;
        const offsets = [...own.matchAll(/^([0-9a-f]{16})\s+\w+\s+R_BPF_64_64/gm)].map(([, at]) => Number(`0x${at}`));
        expect(references.map(({ offset }) => offset)).toEqual(offsets);
      }
    }
  });

  test("that is damaged is refused with a message, never more", () => {
    const good = committed(OBJECTS[0]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(good.length)),
        (changes, cut) => {
          const bytes = Uint8Array.from(cut === null ? good : good.subarray(0, cut));
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            parseBpfObject(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(BpfObjectError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("whose headers are damaged is refused with a message, never more", () => {
    const good = committed(OBJECTS[0]);
    // The file header and the section headers, at the end, decide what is read at all.
    const range = (length: number, from: number): number[] => Array.from({ length }, (_, index) => from + index);
    for (const at of [...range(64, 0), ...range(1100, good.length - 1100)]) {
      for (const byte of [0, 0x7f, 0xff]) {
        const bytes = Uint8Array.from(good);
        bytes[at] = byte;
        try {
          parseBpfObject(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BpfObjectError);
        }
      }
    }
  });
});

describe.skipIf(!canSample())("the verifier", () => {
  const offsets = readKernelOffsets() as KernelOffsets;
  interface Loading {
    readonly hasTaskRegisters?: boolean;
    readonly pidNamespace?: number;
    readonly change?: (instructions: Uint8Array) => void;
  }
  const load = (object: string, program: string, loading: Loading = {}): void => {
    const { hasTaskRegisters = true, pidNamespace = 0, change } = loading;
    const parsed = parseBpfObject(committed(object));
    change?.(parsed.programs.find(({ name }) => name === program)!.instructions);
    const config = configBytes(offsets, {
      onlyPid: 0,
      pidNamespace,
      hasTaskRegisters,
      offCpuRoomBytes: 0,
      copies: { limitBytes: 16_384, perSecond: 100 },
      copyRoomBytes: 0,
    });
    LoadedObject.load(parsed, { programs: [program], variables: new Map([[".rodata.config", config]]) }).close();
  };
  const own = process.arch === "arm64" ? OBJECTS[1] : OBJECTS[0];
  const other = process.arch === "arm64" ? OBJECTS[0] : OBJECTS[1];

  test.for(PROGRAMS)("takes %s, with the helper of Linux 5.15 and without", (program) => {
    load(own, program);
    load(own, program, { hasTaskRegisters: false });
  });

  test.for(PROGRAMS)("takes %s in another pid namespace", (program) => load(own, program, { pidNamespace: 1 }));

  // The context of a perf event is the machine's registers, so that one program can't be loaded on another machine.
  test.for(PROGRAMS.slice(1))("takes the other machine's %s as well", (program) => load(other, program));

  test("refuses with the end of its log, and nothing stays open", () => {
    // Reads the memory at address 0: BPF_LDX_MEM(BPF_DW, r0, r10, 0) in place of the first instruction.
    const damage = (instructions: Uint8Array): void => instructions.set([0x79, 0xa0, 0, 0, 0, 0, 0, 0]);
    let refused: unknown;
    try {
      load(own, "sched_process_exit", { change: damage });
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(ProgramLoadError);
    expect((refused as ProgramLoadError).logTail).toMatch(/stack|invalid|processed/);
    expect((refused as ProgramLoadError).message).toContain("sched_process_exit");
  });
});
