import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSameStart, parseStat, parseStatus, readProcess } from "./process-facts.ts";

describe("a real process", () => {
  test("is what it is", () => {
    const facts = readProcess(process.pid);
    expect(facts).toMatchObject({
      pid: process.pid,
      executablePath: process.execPath,
      executableDeleted: false,
      uid: process.getuid!(),
      kernelThread: false,
    });
    expect(facts?.pidInNamespace).toBeGreaterThan(0);
  });

  test("that is a kernel thread has no executable", () => {
    // kthreadd is always the second; in another pid namespace it can't be seen.
    const facts = readProcess(2);
    if (facts?.comm === "kthreadd") expect(facts).toMatchObject({ kernelThread: true, executablePath: "" });
  });

  test("that is gone is nothing", async () => {
    const child = spawn("true");
    await once(child, "close");
    expect(readProcess(child.pid!)).toBeUndefined();
  });

  test("runs on though its executable was deleted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "podflame-proc-"));
    const program = join(folder, "sleeper");
    copyFileSync("/bin/sleep", program);
    const child = spawn(program, ["60"]);
    await once(child, "spawn");
    unlinkSync(program);
    expect(readProcess(child.pid!)).toMatchObject({ executablePath: program, executableDeleted: true });
    child.kill("SIGKILL");
    await once(child, "close");
    rmSync(folder, { recursive: true });
  });
});

describe("/proc/PID/stat", () => {
  const rest = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 100";

  test("gives name and start", () => {
    expect(parseStat(Buffer.from(`7 (app) ${rest}\n`))).toEqual({
      comm: "app",
      startTimeTicks: 12345,
      kernelThread: false,
    });
  });

  test.each(["a) S 1 (b", ")", "((", "a\nb", "ü€"])("is not misled by a process that calls itself %j", (name) => {
    expect(parseStat(Buffer.from(`7 (${name}) ${rest}\n`))).toMatchObject({ comm: name, startTimeTicks: 12345 });
  });

  test("knows the kernel's threads by their flag", () => {
    expect(parseStat(Buffer.from("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 25 0 0"))).toMatchObject({
      kernelThread: true,
    });
  });

  test.each(["", "7", "7 (app", "7 (app)", "7 (app) S 1", `7 (app) ${rest.replace("12345", "x")}`])(
    "is nothing where it is cut: %j",
    (text) => {
      expect(parseStat(Buffer.from(text))).toBeUndefined();
    },
  );
});

describe("/proc/PID/status", () => {
  test("gives the innermost pid and the real user", () => {
    const text = "Name:\tapp\nTgid:\t70\nPid:\t70\nUid:\t33\t34\t35\t36\nNSpid:\t70\t12\t1\n";
    expect(parseStatus(Buffer.from(text))).toEqual({ uid: 33, pidInNamespace: 1 });
  });

  test("gives the only pid on kernels without namespaces", () => {
    expect(parseStatus(Buffer.from("Name:\tapp\nTgid:\t70\nUid:\t0\t0\t0\t0\n"))).toEqual({
      uid: 0,
      pidInNamespace: 70,
    });
  });

  test("of all processes here is as the kernel's own tools say", () => {
    const text = readFileSync("/proc/self/status");
    expect(parseStatus(text)?.uid).toBe(process.getuid!());
  });
});

test("any bytes give an answer or none", () => {
  const stat = readFileSync("/proc/self/stat");
  const status = readFileSync("/proc/self/status");
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }), fc.nat(), (changes, cut) => {
      for (const source of [stat, status]) {
        const bytes = Buffer.from(source.subarray(0, source.length - (cut % source.length)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const facts = parseStat(bytes);
        if (facts !== undefined) expect(Number.isSafeInteger(facts.startTimeTicks)).toBe(true);
        const numbers = parseStatus(bytes);
        if (numbers !== undefined) expect(Number.isSafeInteger(numbers.uid + numbers.pidInNamespace)).toBe(true);
      }
    }),
  );
});

describe("a record's start time", () => {
  test("is the process's, cut to ticks", () => {
    expect(isSameStart(4_200, 42_009_999_999)).toBe(true);
    expect(isSameStart(4_200, 42_000_000_000)).toBe(true);
  });

  test("of another process is another, as soon as that one can have the pid", () => {
    expect(isSameStart(4_200, 42_020_000_000)).toBe(false);
    expect(isSameStart(4_200, 41_980_000_000)).toBe(false);
  });

  test("is the same after years, where doubles are coarse", () => {
    const startNs = 5 * 365 * 86_400 * 1e9 + 123_456_789;
    expect(isSameStart(Math.floor(startNs / 1e7), startNs)).toBe(true);
  });
});
