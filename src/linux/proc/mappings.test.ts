import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { deviceNumber, parseMapping, ProcessMappings, readMappings } from "./mappings.ts";

function parse(line: string, executableOnly = false) {
  const bytes = Buffer.from(line);
  return parseMapping(bytes, 0, bytes.length, executableOnly);
}

describe("a line of /proc/PID/maps", () => {
  test("of a file", () => {
    const line = "55746439a000-55746439f000 r-xp 00002000 fe:00 247026                     /usr/bin/cat";
    expect(parse(line)).toEqual({
      start: 0x55746439a000,
      end: 0x55746439f000,
      executable: true,
      writable: false,
      fileOffset: 0x2000,
      device: 65024,
      inode: 247026n,
      path: "/usr/bin/cat",
      deleted: false,
    });
  });

  test("of a file that was deleted", () => {
    expect(parse("1000-2000 r-xp 00000000 fe:00 5    /tmp/a b (deleted)")).toMatchObject({
      path: "/tmp/a b",
      deleted: true,
    });
  });

  test("of anonymous memory that calls itself deleted", () => {
    expect(parse("1000-2000 rwxp 00000000 00:00 0    [anon:x (deleted)")).toMatchObject({
      path: "[anon:x (deleted)",
      deleted: false,
    });
  });

  test("of anonymous memory without a name", () => {
    expect(parse("1000-2000 rw-p 00000000 00:00 0 ")).toMatchObject({ path: "", device: 0, inode: 0n, writable: true });
  });

  test("of a file whose inode takes 64 bits", () => {
    expect(parse("1000-2000 r-xp 00000000 00:2f 18446744073709551615 /x")?.inode).toBe(2n ** 64n - 1n);
  });

  test("of a device with a large number", () => {
    // As `stat` has it: gnu_dev_makedev(0x103, 0x12345).
    expect(parse("1000-2000 r-xp 00000000 103:12345 7 /x")?.device).toBe(deviceNumber(0x103, 0x12345));
    expect(deviceNumber(0x103, 0x12345)).toBe(0x45 | (0x103 << 8) | (0x123 << 20));
  });

  test("that can't be executed is passed over where only code is wanted", () => {
    expect(parse("1000-2000 rw-p 00000000 00:00 0 [heap]", true)).toBeUndefined();
  });

  test("beyond what doubles hold is passed over", () => {
    expect(parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]")).toBeUndefined();
  });

  test.each([
    "",
    "1000",
    "1000-2000",
    "2000-1000 r-xp 0 0:0 0 x",
    "1000-1000 r-xp 0 0:0 0 x",
    "g000-2000 r-xp 0 0:0 0",
    "1000-2000 r-xp 0 0:0 x",
    "1000-2000 r-xp 0 0:0",
    "1000-2000 r-xp 0 00 5 x",
    "1000-2000r-xp 0 0:0 5 x",
  ])("of another shape is none: %j", (line) => {
    expect(parse(line)).toBeUndefined();
  });
});

test("a line with any bytes changed is read or not, and what is read makes sense", () => {
  const line = Buffer.from("55746439a000-55746439f000 r-xp 00002000 fe:00 247026                     /usr/bin/cat");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(line.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      fc.nat(line.length),
      (changes, end) => {
        const bytes = Buffer.from(line);
        for (const [at, value] of changes) bytes[at] = value;
        const mapping = parseMapping(bytes, 0, end, false);
        if (mapping === undefined) return;
        expect(mapping.start).toBeLessThan(mapping.end);
        expect(Number.isSafeInteger(mapping.fileOffset)).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
});

describe("the mappings of a process", () => {
  test("are all of its executable ones, with devices and inodes as stat tells them", () => {
    const mappings = readMappings(process.pid)!;
    const lines = readFileSync("/proc/self/maps", "latin1").split("\n");
    const executable = lines.filter((line) => /^\S+ ..x/.test(line) && !line.includes("[vsyscall]"));
    // Others may come and go with threads and generated code.
    expect(Math.abs(mappings.list.length - executable.length)).toBeLessThan(8);
    const own = mappings.list.find(({ path }) => path === process.execPath)!;
    const { dev, ino } = statSync(process.execPath, { bigint: true });
    expect([BigInt(own.device), own.inode]).toEqual([dev, ino]);
  });

  test("are found by address", () => {
    const { list } = readMappings(process.pid)!;
    const mappings = new ProcessMappings(list, false);
    for (const mapping of list) {
      expect(mappings.find(mapping.start)).toBe(mapping);
      expect(mappings.find(mapping.end - 1)).toBe(mapping);
      expect(mappings.find(mapping.end)).not.toBe(mapping);
    }
    expect(mappings.find(0)).toBeUndefined();
    expect(mappings.find(2 ** 52)).toBeUndefined();
  });

  test("are cut at the limit, and say so", () => {
    const cut = readMappings(process.pid, { executableOnly: false, maxMappings: 3 })!;
    expect(cut.list).toHaveLength(3);
    expect(cut.truncated).toBe(true);
    expect(readMappings(process.pid)!.truncated).toBe(false);
  });

  test("of a process that is gone are none", () => {
    const gone = execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }).trim();
    expect(readMappings(Number(gone))).toBeUndefined();
  });
});

const hasPython = hasProgram("python3", "--version");

test.skipIf(!hasPython)("a process that maps and unmaps all the time is read as often as one likes", async () => {
  const program = [
    "import mmap, threading",
    "print('ready', flush=True)",
    "def churn():",
    "  while True:",
    "    kept = [mmap.mmap(-1, 4096 * (1 + n % 7), prot=mmap.PROT_READ | mmap.PROT_EXEC) for n in range(200)]",
    "    for one in kept: one.close()",
    "churn()",
  ].join("\n");
  const child = spawn("python3", ["-c", program], { stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout, "data");
  for (let round = 0; round < 200; round++) {
    const { list } = readMappings(child.pid!)!;
    for (let at = 1; at < list.length; at++) expect(list[at]!.start).toBeGreaterThanOrEqual(list[at - 1]!.end);
  }
  child.kill("SIGKILL");
  await once(child, "close");
});
