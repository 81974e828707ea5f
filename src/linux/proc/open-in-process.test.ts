import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mapping, readMappings } from "./mappings.ts";
import { openInProcess, openMappedFile } from "./open-in-process.ts";
import { FileProblem, type OpenedFile } from "./opened-file.ts";
import { canJail, JailedProcess, makeNode } from "./testing/jailed-process.ts";

const jailable = canJail();

function opened(result: OpenedFile | FileProblem): OpenedFile {
  if (result instanceof FileProblem) throw new Error(String(result));
  return result;
}

function content(file: OpenedFile): string {
  const bytes = Buffer.alloc(file.sizeBytes);
  const length = file.read(bytes, 0);
  file.close();
  return bytes.toString("utf8", 0, length);
}

function codeOf(pid: number): Mapping {
  return readMappings(pid)!.list.find(({ inode }) => inode !== 0n)!;
}

describe.skipIf(!jailable)("a file of a process in a root of its own", () => {
  let jail: JailedProcess;
  const HOSTS_SECRET = "/etc/podflame-test-secret";

  beforeAll(async () => {
    writeFileSync(HOSTS_SECRET, "the host's");
    jail = await JailedProcess.start((root) => {
      writeFileSync(`${root}/etc/name`, "the container's");
      mkdirSync(`${root}/tmp/deep/er`, { recursive: true });
      symlinkSync("/etc/name", `${root}/tmp/absolute`);
      symlinkSync("../../../../../../etc/name", `${root}/tmp/deep/er/upwards`);
      symlinkSync(HOSTS_SECRET, `${root}/tmp/perf-1.map`);
      symlinkSync(`../../../../../../..${HOSTS_SECRET}`, `${root}/tmp/perf-2.map`);
      symlinkSync("circle", `${root}/tmp/circle`);
      symlinkSync("/proc/self/root/etc/name", `${root}/tmp/magic`);
      mkdirSync(`${root}/proc`);
      makeNode(`${root}/tmp/fifo`, "p");
      makeNode(`${root}/tmp/null`, "c", "1", "3");
      writeFileSync(`${root}/tmp/large`, "begin");
      truncateSync(`${root}/tmp/large`, 10 * 1024 ** 3);
    });
  });

  afterAll(async () => {
    await jail[Symbol.asyncDispose]();
    unlinkSync(HOSTS_SECRET);
  });

  test.each(["/etc/name", "/tmp/absolute", "/tmp/deep/er/upwards", "/tmp/../etc/./name", "etc/name"])(
    "is found under %s",
    (path) => {
      expect(content(opened(openInProcess(jail.pid, path)))).toBe("the container's");
    },
  );

  test.each([
    ["a link to a file of the host", "/tmp/perf-1.map", "missing"],
    ["a link upwards out of the root", "/tmp/perf-2.map", "missing"],
    ["the way to a file of the host", `/../../../..${HOSTS_SECRET}`, "missing"],
    ["a link in a circle", "/tmp/circle", "link"],
    ["a FIFO that nobody writes", "/tmp/fifo", "not-regular"],
    ["a device", "/tmp/null", "not-regular"],
    ["a directory", "/tmp", "not-regular"],
    ["the root", "/", "not-regular"],
    ["nothing", "/nothing", "missing"],
    ["a path through a file", "/etc/name/x", "missing"],
    ["no path", "", "missing"],
    ["a path with a byte 0", "/etc/name\0x", "missing"],
    ["a name longer than names can be", `/${"x".repeat(300)}`, "failed"],
    ["a path longer than paths can be", "/x".repeat(3_000), "failed"],
  ])("%s is a problem, not a file", (_, path, reason) => {
    expect(openInProcess(jail.pid, path)).toMatchObject({ reason, path });
  });

  test("a file larger than the limit is not opened", () => {
    expect(openInProcess(jail.pid, "/tmp/large")).toMatchObject({ reason: "too-large" });
  });

  test("a file of 10 GB that is allowed is read by position, as far as asked for", () => {
    const file = opened(openInProcess(jail.pid, "/tmp/large", { maxBytes: 2 ** 40 }));
    const bytes = Buffer.alloc(16, 0xff);
    expect(file.read(bytes, 9 * 1024 ** 3)).toBe(16);
    expect(bytes).toEqual(Buffer.alloc(16));
    expect(file.read(bytes, 10 * 1024 ** 3 - 4)).toBe(4);
    expect(file.read(bytes, 10 * 1024 ** 3)).toBe(0);
    expect(file.read(bytes, -1)).toBe(0);
    file.close();
    expect(file.read(bytes, 0)).toBe(0);
  });

  test("a file that shrinks while it is open is read as far as it goes", () => {
    writeFileSync(jail.path("tmp/shrinking"), "0123456789");
    const file = opened(openInProcess(jail.pid, "/tmp/shrinking"));
    truncateSync(jail.path("tmp/shrinking"), 4);
    expect(file.read(Buffer.alloc(10), 0)).toBe(4);
    file.close();
  });

  test("links of /proc are not followed, wherever they lead", async () => {
    // Its own root has no /proc; the host's, in which this process runs, has.
    expect(openInProcess(jail.pid, "/tmp/magic")).toMatchObject({ reason: "missing" });
    expect(openInProcess(process.pid, `/proc/${jail.pid}/root/etc/name`)).toMatchObject({ reason: "link" });
    expect(openInProcess(process.pid, "/proc/self/exe")).toMatchObject({ reason: "link" });
  });
});

test("a process that is gone has no files", () => {
  expect(openInProcess(2 ** 22 + 1, "/etc/passwd")).toMatchObject({ reason: "process-gone" });
});

describe.skipIf(!jailable)("the file of a mapping", () => {
  test("is the one at its path", async () => {
    await using jail = await JailedProcess.start();
    const mapping = codeOf(jail.pid);
    // The kernel shows the path from the namespace's root; the jail is only a directory of it.
    expect(mapping.path).toBe(jail.path("bin/busybox"));
    const file = opened(openMappedFile(jail.pid, mapping));
    expect(file.inode).toBe(mapping.inode);
    file.close();
  });

  test("that was deleted is still read", async () => {
    await using jail = await JailedProcess.start();
    const size = readFileSync(jail.path("bin/busybox")).length;
    unlinkSync(jail.path("bin/busybox"));
    const file = opened(openMappedFile(jail.pid, codeOf(jail.pid)));
    expect(file.sizeBytes).toBe(size);
    file.close();
  });

  test("that was replaced is the old one, not what lies at its path now", async () => {
    await using jail = await JailedProcess.start();
    const before = codeOf(jail.pid);
    writeFileSync(jail.path("bin/new"), "#!/bin/sh\n");
    renameSync(jail.path("bin/new"), jail.path("bin/busybox"));
    // Both as it was read before and as it is shown now.
    for (const mapping of [before, codeOf(jail.pid)]) {
      const file = opened(openMappedFile(jail.pid, mapping));
      expect(file.inode).toBe(before.inode);
      file.close();
    }
  });

  test("on an overlay is known by its inode, where maps and stat tell different devices", async () => {
    // Layers of different file systems: /dev/shm is a tmpfs of its own.
    const lower = mkdtempSync("/dev/shm/podflame-lower-");
    cpSync("/bin/busybox", `${lower}/bin/busybox`);
    await using jail = await JailedProcess.start(
      undefined,
      `mkdir $0/tmp/up $0/tmp/work; mount -t overlay -o lowerdir=${lower},upperdir=$0/tmp/up,workdir=$0/tmp/work none $0`,
    );
    const mapping = codeOf(jail.pid);
    const file = opened(openMappedFile(jail.pid, mapping));
    expect(file.inode).toBe(mapping.inode);
    expect(file.device).not.toBe(mapping.device);
    file.close();
    expect(openMappedFile(jail.pid, { ...mapping, inode: mapping.inode + 1n })).toMatchObject({ reason: "replaced" });
    rmSync(lower, { recursive: true });
  });

  test("of a process whose mappings are others by now is none", async () => {
    await using jail = await JailedProcess.start();
    const mapping = { ...codeOf(jail.pid), inode: 12345n };
    expect(openMappedFile(jail.pid, mapping)).toMatchObject({ reason: "replaced" });
    expect(openMappedFile(jail.pid, { ...mapping, start: 4096, end: 8192 })).toBeInstanceOf(FileProblem);
  });

  test("of anonymous memory is none", async () => {
    const vdso = readMappings(process.pid)!.list.find(({ inode }) => inode === 0n)!;
    expect(openMappedFile(process.pid, vdso)).toMatchObject({ reason: "not-regular" });
  });

  test("of a process that is gone is none", async () => {
    const jail = await JailedProcess.start();
    const mapping = codeOf(jail.pid);
    await jail[Symbol.asyncDispose]();
    expect(openMappedFile(jail.pid, mapping)).toMatchObject({ reason: "process-gone" });
  });
});
