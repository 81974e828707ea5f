import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../../test/has-program.ts";
import { canMakeCgroups, OwnCgroups } from "../testing/own-cgroups.ts";
import { findCgroupRoots, parseCgroupMount } from "./cgroup-roots.ts";

describe("a line of /proc/PID/mountinfo", () => {
  test.each([
    [
      "version 2",
      "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
      { hierarchy: 2, mountPoint: "/sys/fs/cgroup" },
    ],
    [
      "version 1, memory",
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
      { hierarchy: 1, mountPoint: "/sys/fs/cgroup/memory" },
    ],
    [
      "version 1, memory with others",
      "35 31 0:32 / /sys/fs/cgroup/m rw - cgroup cgroup rw,cpu,memory",
      { hierarchy: 1, mountPoint: "/sys/fs/cgroup/m" },
    ],
    [
      "no optional fields, several of them",
      "35 31 0:32 / /a rw master:1 propagate_from:2 unbindable - cgroup2 none rw",
      { hierarchy: 2, mountPoint: "/a" },
    ],
    ["a mount point with a space", "35 31 0:32 / /a\\040b rw - cgroup2 none rw", { hierarchy: 2, mountPoint: "/a b" }],
    ["version 1, another controller", "35 31 0:32 / /a rw - cgroup cgroup rw,cpu", undefined],
    ["another file system", "35 31 0:32 / /a rw - tmpfs cgroup rw,memory", undefined],
    ["nothing", "", undefined],
    ["no separator", "35 31 0:32 / /a rw cgroup2 none rw", undefined],
    ["too short", "35 - cgroup2", undefined],
  ])("%s", (_, line, expected) => {
    expect(parseCgroupMount(line)).toEqual(expected);
  });

  test("with any bytes changed is read or not", () => {
    const lines = readFileSync("/proc/self/mountinfo", "latin1").split("\n");
    fc.assert(
      fc.property(
        fc.constantFrom(...lines),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        (line, changes) => {
          const bytes = Buffer.from(`${line} `, "latin1");
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          parseCgroupMount(bytes.toString());
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe.skipIf(!canMakeCgroups() || !hasProgram("unshare", "--version"))("in a cgroup namespace of its own", () => {
  test("the host's roots are found behind the part that is mounted, and no other is taken for them", () => {
    using cgroups = new OwnCgroups();
    const inner = cgroups.make(2, "/inner");
    const module = join(import.meta.dirname, "cgroup-roots.ts");
    const program = `
      import { statSync } from "node:fs";
      import { findCgroupRoots } from ${JSON.stringify(module)};
      const roots = findCgroupRoots().map(({ hierarchy, directory }) => [hierarchy, directory, statSync(directory).ino]);
      console.log(JSON.stringify({ mounted: statSync("/sys/fs/cgroup").ino, roots }));`;
    const enter = `echo $$ > ${cgroups.directory(2, "/inner")}/cgroup.procs; exec unshare --cgroup --mount --propagation private sh -c "$0" "$1" "$2"`;
    const run = `umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$0" --input-type=module -e "$1"`;
    const text = execFileSync("sh", ["-c", enter, run, process.execPath, program], { encoding: "utf8" });
    const { mounted, roots } = JSON.parse(text) as { mounted: number; roots: [number, string, number][] };
    expect(mounted).toBe(inner);
    expect(new Map(roots.map(([hierarchy, , inode]) => [hierarchy, inode]))).toEqual(
      new Map([
        [1, 1],
        [2, 1],
      ]),
    );
    for (const [, directory] of roots) expect(directory).toMatch(/^\/proc\/[12]\/root\//);
  });
});

test("each hierarchy has one root, whose inode says that it is one", () => {
  const roots = findCgroupRoots();
  expect(new Set(roots.map(({ hierarchy }) => hierarchy)).size).toBe(roots.length);
});
