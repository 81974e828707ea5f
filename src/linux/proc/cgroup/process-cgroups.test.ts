import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { canMakeCgroups, OwnCgroups } from "../testing/own-cgroups.ts";
import { CgroupTree } from "./cgroup-tree.ts";
import { parseProcessCgroups, placeOfProcess, readPlaceOfProcess } from "./process-cgroups.ts";

const ID = "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11";
const OUTER = "9e8d7c6b5a4938271605f4e3d2c1b0a99f8e7d6c5b4a39281706f5e4d3c2b1a0";
const UID = "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11";
const CONTAINER = `/kubepods/burstable/pod${UID}/${ID}`;

describe.skipIf(!canMakeCgroups())("a real process in a container's cgroup", () => {
  let cgroups: OwnCgroups;
  let child: ChildProcess;

  beforeEach(async () => {
    cgroups = new OwnCgroups();
    child = spawn("/bin/sleep", ["60"]);
    await once(child, "spawn");
  });

  afterEach(async () => {
    child.kill("SIGKILL");
    await once(child, "close");
    cgroups[Symbol.dispose]();
  });

  test.each([1, 2] as const)("of version %d alone is in it by what /proc says", (hierarchy) => {
    cgroups.make(hierarchy, CONTAINER);
    cgroups.move(hierarchy, CONTAINER, child.pid!);
    expect(readPlaceOfProcess(child.pid!)).toMatchObject({ containerId: ID, podUid: UID });
  });

  test("is where the tree says by the ids of its directories", () => {
    const tree = new CgroupTree({ clock: new ManualClock() });
    const two = cgroups.make(2, CONTAINER);
    const one = cgroups.make(1, CONTAINER);
    cgroups.move(1, CONTAINER, child.pid!);
    cgroups.move(2, CONTAINER, child.pid!);
    expect(tree.resolve(two, one)).toEqual(readPlaceOfProcess(child.pid!));
  });

  test("belongs to the container nested deepest in any hierarchy", () => {
    cgroups.make(2, `/docker/${OUTER}`);
    cgroups.make(1, `/docker/${OUTER}${CONTAINER}`);
    cgroups.move(2, `/docker/${OUTER}`, child.pid!);
    cgroups.move(1, `/docker/${OUTER}${CONTAINER}`, child.pid!);
    expect(readPlaceOfProcess(child.pid!)).toMatchObject({ containerId: ID, outer: { containerId: OUTER } });
  });

  test("is the host's again when it was moved out", () => {
    cgroups.make(2, CONTAINER);
    cgroups.move(2, CONTAINER, child.pid!);
    cgroups.make(2, "/elsewhere");
    cgroups.move(2, "/elsewhere", child.pid!);
    expect(readPlaceOfProcess(child.pid!)).toMatchObject({ kind: "host", containerId: undefined });
  });
});

test("a process that is gone is nowhere", () => {
  expect(readPlaceOfProcess(2 ** 22 + 1)).toBeUndefined();
});

describe("/proc/PID/cgroup", () => {
  test("is read line by line, with colons in controllers' and cgroups' names", () => {
    expect(parseProcessCgroups("4:name=a:/b:c\n3:cpu,cpuacct:/x\n0::/y\n")).toEqual([
      { controllers: "name=a", path: "/b:c" },
      { controllers: "cpu,cpuacct", path: "/x" },
      { controllers: "", path: "/y" },
    ]);
  });

  test.each(["", "\n", "0:", "0::", "0::x", "x::/y", "::/y"])("of another shape says nothing: %j", (text) => {
    expect(parseProcessCgroups(text)).toEqual([]);
    expect(placeOfProcess([], true)).toBeUndefined();
  });
});
