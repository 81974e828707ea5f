import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { ForeignMounts } from "./foreign-mounts.ts";
import { readMappings } from "./mappings.ts";
import { parseMount } from "./mount.ts";
import { openInProcess, openMappedFile } from "./open-in-process.ts";
import { OpenedFile } from "./opened-file.ts";
import { canJail, JailedProcess } from "./testing/jailed-process.ts";

const mount = (point: string, type: string, device = 1) => ({ point, type, device, options: [] });

describe("among a process's mounts", () => {
  test.each([
    ["fuse", "/mnt", true],
    ["fuse.sshfs", "/mnt", true],
    ["fuseblk", "/mnt", true],
    ["nfs4", "/home", true],
    ["nfs4", "/", false],
    ["fuse", "/", true],
    ["ext4", "/mnt", false],
    ["autofs", "/net", true],
    ["autofs", "/proc/sys/fs/binfmt_misc", false],
    ["fuse.lxcfs", "/proc/cpuinfo", true],
    ["overlay", "/", false],
    ["fusectl", "/sys/fs/fuse/connections", false],
  ])("%s at %s is foreign: %s", (type, point, isForeign) => {
    expect(new ForeignMounts([mount(point, type)]).isEmpty).toBe(!isForeign);
  });

  test("the nearest one above a path decides", () => {
    const mounts = new ForeignMounts([
      mount("/", "overlay"),
      mount("/data", "fuse.s3"),
      mount("/data/cache", "tmpfs"),
      mount("/database", "ext4"),
    ]);
    expect(mounts.safePointOf("/bin/app")).toBe("/");
    expect(mounts.safePointOf("/data")).toBeUndefined();
    expect(mounts.safePointOf("/data/app")).toBeUndefined();
    expect(mounts.safePointOf("/data/cache/app")).toBe("/data/cache");
    expect(mounts.safePointOf("/database/app")).toBe("/database");
  });
});

test("a line of mountinfo tells device, mount point, type and options", () => {
  const line = "36 35 98:1300 /mnt1 /mnt\\0402 rw,noatime master:1 - fuse.sshfs /dev/root rw,errors=continue";
  expect(parseMount(line)).toEqual({
    device: (1300 & 0xff) | (98 << 8) | ((1300 & ~0xff) << 12),
    point: "/mnt 2",
    type: "fuse.sshfs",
    options: ["rw", "errors=continue"],
  });
});

/**
 * A FUSE mount whose server never answers: whoever touches it waits for ever. The server is the process itself, which
 * holds the descriptor and reads nothing.
 */
const MOUNT_SILENT =
  "mkdir $0/silent; mount --bind $0 $0; exec 7<>/dev/fuse; " +
  "mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 silent $0/silent";

const canMountFuse = canJail() && hasProgram("test", "-c", "/dev/fuse");

describe.skipIf(!canMountFuse)("a process that mounted a file system which never answers", () => {
  let jail: JailedProcess;

  beforeAll(async () => {
    jail = await JailedProcess.start((root) => {
      writeFileSync(`${root}/etc/name`, "good");
      symlinkSync("name", `${root}/etc/alias`);
      symlinkSync("../silent/app", `${root}/tmp/perf-1.map`);
      symlinkSync("/silent/app", `${root}/tmp/perf-2.map`);
    }, MOUNT_SILENT);
  });
  afterAll(() => jail[Symbol.asyncDispose]());

  test.each(["/etc/name", "/etc/alias", "/silent/../etc/name"])("keeps nobody from its other files: %s", (path) => {
    const file = openInProcess(jail.pid, path);
    expect(file).toBeInstanceOf(OpenedFile);
    (file as OpenedFile).close();
  });

  test.each(["/silent/app", "/silent", "/etc/../silent/app"])("is not asked for a file there: %s", (path) => {
    expect(openInProcess(jail.pid, path)).toMatchObject({ reason: "foreign-file-system" });
  });

  test.each(["/tmp/perf-1.map", "/tmp/perf-2.map"])("is not asked by way of a link: %s", (path) => {
    expect(openInProcess(jail.pid, path)).toMatchObject({ reason: "link" });
  });

  test("still has its code read", () => {
    const own = readMappings(jail.pid)!.list.find(({ inode }) => inode !== 0n)!;
    const code = openMappedFile(jail.pid, own);
    expect(code).toBeInstanceOf(OpenedFile);
    (code as OpenedFile).close();
  });

  test("isn't asked for code that is mapped from there", () => {
    const own = readMappings(jail.pid)!.list.find(({ inode }) => inode !== 0n)!;
    const device = readForeignDevice(jail.pid);
    expect(openMappedFile(jail.pid, { ...own, device })).toMatchObject({ reason: "foreign-file-system" });
  });
});

function readForeignDevice(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
  return parseMount(lines.find((line) => line.includes(" - fuse "))!)!.device;
}
