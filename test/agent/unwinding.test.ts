/** Stacks are those of perf's and gdb's own unwinders, from the same registers and the same copied stack. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasProgram } from "../has-program.ts";
import { COMPILERS } from "./harness/requirements.ts";
import { besideGdb, besidePerf } from "./harness/unwinding.ts";
import { Workloads, type WorkloadName } from "./harness/workloads.ts";

const isX86 = process.arch === "x64";
const withoutPerf = !isX86 || process.getuid?.() !== 0 || !hasProgram("perf", "version");
const withoutGdb = !isX86 || process.getuid?.() !== 0 || !hasProgram("gdb", "--version");
const SECONDS = "0.6";
/** Of one process; each takes gdb a second. */
const STOPS = 3;
/** Samples that a program has at least, however busy the machine is. */
const FEWEST = 10;
/** A share of the samples; of few of them one may differ, as where C++'s runtime switches registers. */
const atLeast = (share: number, samples: number): number => Math.min(share, 1 - 1 / samples);

const workloads = new Workloads();
afterAll(() => workloads[Symbol.dispose]());

/** Other builds of Python than the machine's, where pyenv has some. */
function otherPython(): string | undefined {
  const folder = join(homedir(), ".pyenv/versions");
  if (!existsSync(folder)) return undefined;
  const versions = readdirSync(folder).sort();
  const newest = versions.filter((version) => /^3\.1[1-4]\.\d+$/.test(version)).at(-1);
  return newest && join(folder, newest, "bin", `python${newest.split(".").slice(0, 2).join(".")}`);
}

function hasDebianPython(): boolean {
  return existsSync("/usr/bin/python3") && hasProgram("/usr/bin/python3", "--version");
}

interface Case {
  readonly what: string;
  readonly isThere: boolean;
  readonly command: (seconds: string) => Promise<readonly string[]>;
}

const program = (what: string, isThere: boolean, name: WorkloadName, ...rest: string[]): Case => ({
  what,
  isThere,
  command: async (seconds) => [await workloads.build(name), seconds, ...rest],
});

const LIKE_PERF: readonly Case[] = [
  program("C without frame pointers: sort, formatting, mathematics, recursion, threads", COMPILERS.c(), "callers"),
  program("C with frame pointers, libraries without", COMPILERS.c(), "callers-fp"),
  program("C in a signal handler", COMPILERS.c(), "callers", "signal"),
  program("C++ with exceptions", COMPILERS.cpp(), "throwing"),
  program("Rust", COMPILERS.rust(), "burn-rust-omit", "alpha=50", "beta=50"),
  {
    what: "Debian's Python",
    isThere: hasDebianPython(),
    command: async (seconds) => ["/usr/bin/python3", workloads.python(), seconds],
  },
  {
    what: "another build of Python",
    isThere: otherPython() !== undefined,
    command: async (seconds) => [otherPython()!, workloads.python(), seconds],
  },
];

describe.skipIf(withoutPerf)("beside perf --call-graph dwarf, of", () => {
  for (const { what, isThere, command } of LIKE_PERF) {
    test.skipIf(!isThere)(`${what}: complete, and the same frames`, async () => {
      const { samples, complete, equal, ends } = await besidePerf(await command(SECONDS));
      expect(samples).toBeGreaterThan(FEWEST);
      expect({ ends, complete }).toMatchObject({
        complete: expect.toSatisfy((share: number) => share >= atLeast(0.98, samples)) as number,
      });
      expect(equal).toBeGreaterThanOrEqual(atLeast(0.97, samples));
    });
  }

  // perf ends at generated code, and where a static program has no table of unwind data.
  const nodes = [process.execPath, "/usr/local/bin/node", "/usr/bin/node"].filter((path) => existsSync(path));
  for (const node of new Set(nodes)) {
    const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
    test(`Node ${version} (${node}): complete, and perf's frames as far as it comes`, async () => {
      const { samples, complete, agreeing } = await besidePerf([node, workloads.script("busy"), SECONDS]);
      expect(samples).toBeGreaterThan(FEWEST);
      expect(complete).toBeGreaterThanOrEqual(atLeast(0.98, samples));
      expect(agreeing).toBeGreaterThanOrEqual(atLeast(0.97, samples));
    });
  }

  test.skipIf(!COMPILERS.c())("a static program: complete, where perf knows the leaf", async () => {
    const { samples, complete, agreeing } = await besidePerf([await workloads.build("callers-static"), SECONDS]);
    expect(samples).toBeGreaterThan(FEWEST);
    expect(complete).toBeGreaterThanOrEqual(atLeast(0.98, samples));
    expect(agreeing).toBeGreaterThanOrEqual(atLeast(0.97, samples));
  });

  test.skipIf(!hasProgram("musl-gcc", "--version"))(
    "musl: cut where the library has no unwind data, never guessed",
    async () => {
      const { complete, agreeing, ends } = await besidePerf([await workloads.build("callers-musl"), SECONDS]);
      expect(complete).toBeLessThan(0.1);
      expect(agreeing).toBeGreaterThanOrEqual(0.97);
      expect(Object.keys(ends).filter((end) => end !== "Root")).toEqual(["NoUnwindData"]);
    },
  );
});

/** Programs whose first thread gdb stops. */
const STOPPED: readonly Case[] = [
  program("C without frame pointers", COMPILERS.c(), "callers"),
  program("C with frame pointers, libraries without", COMPILERS.c(), "callers-fp"),
  program("C in a signal handler", COMPILERS.c(), "callers", "signal"),
  program("C, linked statically", COMPILERS.c(), "callers-static"),
  program("C++ with exceptions", COMPILERS.cpp(), "throwing"),
  program("Rust", COMPILERS.rust(), "burn-rust-omit", "alpha=50", "beta=50"),
  ...LIKE_PERF.filter(({ what }) => what.includes("Python")),
];

describe.skipIf(withoutGdb)("beside gdb, of", () => {
  for (const { what, isThere, command } of STOPPED) {
    test.skipIf(!isThere)(`${what}: the frames of a thread that it stops`, async () => {
      const [path = "", ...args] = await command("60");
      const running = spawn(path, args, { stdio: "ignore" });
      try {
        for (let stop = 0; stop < STOPS; stop++) {
          const { theirs, ours, end } = await besideGdb(running.pid!);
          // Of a frame that a signal interrupted one may tell the instruction, the other what is behind it.
          const told = theirs.map((address, at) => (Math.abs(address - (ours[at] ?? 0)) === 1 ? ours[at] : address));
          expect({ ours, end }).toEqual({ ours: told, end: "Root" });
        }
      } finally {
        running.kill("SIGKILL");
      }
    });
  }
});
