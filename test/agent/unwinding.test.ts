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
  readonly command: () => Promise<readonly string[]>;
}

const program = (what: string, isThere: boolean, name: WorkloadName, ...rest: string[]): Case => ({
  what,
  isThere,
  command: async () => [await workloads.build(name), SECONDS, ...rest],
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
    command: async () => ["/usr/bin/python3", workloads.python(), SECONDS],
  },
  {
    what: "another build of Python",
    isThere: otherPython() !== undefined,
    command: async () => [otherPython()!, workloads.python(), SECONDS],
  },
];

describe.skipIf(withoutPerf)("beside perf --call-graph dwarf, of", () => {
  for (const { what, isThere, command } of LIKE_PERF) {
    test.skipIf(!isThere)(`${what}: complete, and the same frames`, async () => {
      const { samples, complete, equal, ends } = await besidePerf(await command());
      expect(samples).toBeGreaterThan(30);
      expect({ ends, complete }).toMatchObject({
        complete: expect.toSatisfy((share: number) => share >= 0.98) as number,
      });
      expect(equal).toBeGreaterThanOrEqual(0.97);
    });
  }

  // perf ends at generated code, and where a static program has no table of unwind data.
  const nodes = [process.execPath, "/usr/local/bin/node", "/usr/bin/node"].filter((path) => existsSync(path));
  for (const node of new Set(nodes)) {
    const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
    test(`Node ${version} (${node}): complete, and perf's frames as far as it comes`, async () => {
      const { samples, complete, agreeing } = await besidePerf([node, workloads.script("busy"), SECONDS]);
      expect(samples).toBeGreaterThan(30);
      expect(complete).toBeGreaterThanOrEqual(0.98);
      expect(agreeing).toBeGreaterThanOrEqual(0.97);
    });
  }

  test.skipIf(!COMPILERS.c())("a static program: complete, where perf knows the leaf", async () => {
    const { complete, agreeing } = await besidePerf([await workloads.build("callers-static"), SECONDS]);
    expect(complete).toBeGreaterThanOrEqual(0.98);
    expect(agreeing).toBeGreaterThanOrEqual(0.97);
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

describe.skipIf(withoutGdb)("beside gdb, of", () => {
  for (const name of ["callers", "callers-static", "throwing"] as const) {
    test.skipIf(!COMPILERS.cpp())(`${name}: the frames of a thread that it stops`, async () => {
      const running = spawn(await workloads.build(name), ["60"], { stdio: "ignore" });
      try {
        for (let stop = 0; stop < 4; stop++) {
          const { theirs, ours, end } = await besideGdb(running.pid!);
          expect(end).toBe("Root");
          expect(ours).toEqual(theirs);
        }
      } finally {
        running.kill("SIGKILL");
      }
    });
  }
});
