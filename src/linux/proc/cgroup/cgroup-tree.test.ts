import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { canMakeCgroups, OwnCgroups } from "../testing/own-cgroups.ts";
import type { Hierarchy } from "./cgroup-roots.ts";
import { CgroupTree } from "./cgroup-tree.ts";

const ID = "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11";
const OTHER_ID = "b7a1f0c9e2d84356af01c2d3e4f5a6978899aabbccddeeff0011223344556677";
const UID = "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11";
const CONTAINER = `/kubepods/burstable/pod${UID}/${ID}`;

describe.skipIf(!canMakeCgroups())("the tree of real cgroups", () => {
  let cgroups: OwnCgroups;
  let clock: ManualClock;
  let tree: CgroupTree;

  beforeEach(() => {
    cgroups = new OwnCgroups();
    clock = new ManualClock();
    tree = new CgroupTree({ clock });
  });
  afterEach(() => cgroups[Symbol.dispose]());

  test("a container is found by its id in version 2, with the pod around it", () => {
    const id = cgroups.make(2, CONTAINER);
    expect(tree.resolve(id, 1)).toMatchObject({ kind: "container", containerId: ID, podUid: UID });
  });

  test("a container is found by its id in version 1 where version 2 says root", () => {
    const id = cgroups.make(1, CONTAINER);
    expect(tree.resolve(1, id)).toMatchObject({ kind: "container", containerId: ID, podUid: UID });
  });

  test("equal numbers of different hierarchies are different cgroups", () => {
    const inOne = cgroups.make(1, CONTAINER);
    cgroups.make(2, "/x");
    const place = tree.resolve(inOne, 1);
    expect(place?.containerId).toBeUndefined();
  });

  test("a cgroup that is in the root of both is the host's", () => {
    expect(tree.resolve(1, 1)).toMatchObject({ kind: "host", path: "/" });
  });

  test("all cgroups of a container have one place, in both hierarchies", () => {
    const own = cgroups.make(2, CONTAINER);
    const child = cgroups.make(2, `${CONTAINER}/init`);
    const inOne = cgroups.make(1, CONTAINER);
    const place = tree.resolve(own, 1);
    expect(tree.resolve(child, 1)).toBe(place);
    expect(tree.resolve(1, inOne)).toBe(place);
    expect(place?.path).toBe(cgroups.path(CONTAINER));
  });

  test("a container's place outlives what made it known first", async () => {
    const inOne = cgroups.make(1, CONTAINER);
    const place = tree.resolve(1, inOne);
    const inTwo = cgroups.make(2, CONTAINER);
    cgroups.remove(1, CONTAINER);
    await clock.advance(1_000);
    expect(tree.resolve(inTwo, 1)).toBe(place);
    await clock.advance(61_000);
    tree.sweep();
    expect(tree.resolve(1, inOne)).toBeUndefined();
    const child = cgroups.make(2, `${CONTAINER}/child`);
    await clock.advance(1_000);
    expect(tree.resolve(child, 1)).toBe(place);
  });

  test("an unknown id is looked for, but not again and again", async () => {
    tree.refresh();
    const id = cgroups.make(2, CONTAINER);
    expect(tree.resolve(id, 1)).toBeUndefined();
    expect(tree.scans).toBe(1);
    await clock.advance(100);
    expect(tree.resolve(id, 1)?.containerId).toBe(ID);
    expect(tree.scans).toBe(2);
  });

  test("looking takes no more than a hundredth of the time, however large the tree is", () => {
    const times = [0, 0, 30, 30, 2_000, 3_100];
    const slow = new CgroupTree({ clock: { monotonicMs: () => (times.length > 1 ? times.shift()! : times[0]!) } });
    slow.refresh();
    expect(slow.scans).toBe(1);
    slow.refresh();
    slow.refresh();
    expect(slow.scans).toBe(1);
    slow.refresh();
    expect(slow.scans).toBe(2);
  });

  test("an id that a scan did not find is not looked for again", async () => {
    expect(tree.resolve(2 ** 40, 1)).toBeUndefined();
    await clock.advance(5_000);
    expect(tree.resolve(2 ** 40, 1)).toBeUndefined();
    expect(tree.scans).toBe(1);
  });

  test("a task whose version 2 cgroup is gone is not the host's because version 1 says root", () => {
    expect(tree.resolve(2 ** 40, 1)).toBeUndefined();
  });

  test("a task that is in a container by one hierarchy is, whatever became of the other", () => {
    const id = cgroups.make(1, CONTAINER);
    expect(tree.resolve(2 ** 40, id)?.containerId).toBe(ID);
  });

  test("what is gone stays known for a minute, and is forgotten then", async () => {
    const id = cgroups.make(2, CONTAINER);
    const place = tree.resolve(id, 1);
    cgroups.remove(2, CONTAINER);
    await clock.advance(1_000);
    tree.refresh();
    expect(tree.resolve(id, 1)).toBe(place);
    await clock.advance(59_000);
    tree.sweep();
    expect(tree.resolve(id, 1)).toBe(place);
    await clock.advance(2_000);
    tree.sweep();
    expect(tree.resolve(id, 1)).toBeUndefined();
  });

  test("a container that is made again under the same path is found by its new id", async () => {
    const first = cgroups.make(2, CONTAINER);
    tree.resolve(first, 1);
    cgroups.remove(2, CONTAINER);
    const second = cgroups.make(2, CONTAINER);
    expect(second).not.toBe(first);
    await clock.advance(1_000);
    expect(tree.resolve(second, 1)?.containerId).toBe(ID);
    expect(tree.resolve(first, 1)?.containerId).toBe(ID);
  });

  test("one that goes while another comes beside it is noticed, though their number stays", async () => {
    const first = cgroups.make(2, CONTAINER);
    tree.resolve(first, 1);
    cgroups.remove(2, CONTAINER);
    const other = cgroups.make(2, `/kubepods/burstable/pod${UID}/${OTHER_ID}`);
    await clock.advance(1_000);
    expect(tree.resolve(other, 1)?.containerId).toBe(OTHER_ID);
  });

  test("a container that lived between two scans is known if the kernel told of it", () => {
    const pod = cgroups.make(2, `/kubepods/burstable/pod${UID}`);
    tree.refresh();
    const id = cgroups.make(2, CONTAINER);
    tree.made(2, id, pod, ID);
    cgroups.remove(2, CONTAINER);
    tree.removed(2, id);
    expect(tree.resolve(id, 1)).toMatchObject({ containerId: ID, podUid: UID });
    expect(tree.scans).toBe(1);
  });

  test("one that the kernel tells of is known though nobody has looked at those above it, and it is gone", async () => {
    tree.refresh();
    const pod = cgroups.make(2, `/kubepods/burstable/pod${UID}`);
    const id = cgroups.make(2, CONTAINER);
    cgroups.remove(2, CONTAINER);
    await clock.advance(100);
    tree.made(2, id, pod, ID);
    tree.removed(2, id);
    expect(tree.resolve(id, 1)?.containerId).toBe(ID);
  });

  describe("of which only a part can be seen, as in a node that is a container", () => {
    function partOf(path: string): CgroupTree {
      const id = cgroups.make(2, path);
      return new CgroupTree({ clock, roots: [{ hierarchy: 2, directory: cgroups.directory(2, path), id }] });
    }

    test("containers in that part are found by the same ids", () => {
      const part = partOf("/node");
      const id = cgroups.make(2, `/node${CONTAINER}`);
      expect(part.isComplete).toBe(false);
      expect(part.resolve(id, 0)).toMatchObject({ containerId: ID, podUid: UID, path: `/..${CONTAINER}` });
    });

    test("whatever else is in it may be the host's or in a container, so it is unknown", () => {
      const part = partOf("/node");
      const service = cgroups.make(2, "/node/system.slice/kubelet.service");
      expect(part.resolve(service, 0)?.kind).toBe("unknown");
      expect(part.resolve(cgroups.make(2, "/node"), 0)?.kind).toBe("unknown");
    });

    test("what lies outside is not found", () => {
      expect(partOf("/node").resolve(cgroups.make(2, "/other"), 0)).toBeUndefined();
    });

    test("what the kernel tells of it is known, though paths begin elsewhere there", () => {
      const pod = cgroups.make(2, `/node/kubepods/burstable/pod${UID}`);
      const part = partOf("/node");
      part.refresh();
      part.made(2, 2 ** 40, pod, ID);
      expect(part.resolve(2 ** 40, 0)).toMatchObject({ containerId: ID, podUid: UID });
    });

    test("what the kernel tells of the rest is not looked for", async () => {
      const part = partOf("/node");
      part.refresh();
      await clock.advance(1_000);
      part.made(2, 2 ** 40, cgroups.make(2, "/other"), ID);
      expect(part.resolve(2 ** 40, 0)).toBeUndefined();
      expect(part.scans).toBe(2);
    });
  });

  test("what the kernel tells and what a scan finds is the same cgroup", async () => {
    let told = 0;
    const own = cgroups.make(2, "");
    let made = 0;
    tree.watch({ added: (hierarchy, id) => (told += hierarchy === 2 && id === made ? 1 : 0), gone: () => undefined });
    made = cgroups.make(2, "/made");
    tree.made(2, made, own, "made");
    await clock.advance(1_000);
    tree.refresh();
    expect(told).toBe(1);
  });

  test("a listener is told of what is there, what comes and what goes", async () => {
    const there = cgroups.make(2, "/there");
    const told: string[] = [];
    const stop = tree.watch({
      added: (hierarchy, id) => told.push(`+${hierarchy}:${id}`),
      gone: (hierarchy: Hierarchy, id) => told.push(`-${hierarchy}:${id}`),
    });
    expect(told).toContain(`+2:${there}`);
    const come = cgroups.make(2, "/come");
    cgroups.remove(2, "/there");
    await clock.advance(1_000);
    tree.refresh();
    expect(told).toContain(`+2:${come}`);
    expect(told).toContain(`-2:${there}`);
    stop();
    const seen = told.length;
    cgroups.remove(2, "/come");
    await clock.advance(1_000);
    tree.refresh();
    expect(told).toHaveLength(seen);
  });

  test("there are never more cgroups than the bound, and those left out are counted", () => {
    for (let n = 0; n < 20; n++) cgroups.make(2, `/n${n}`);
    const small = new CgroupTree({ clock, maxCgroups: 8 });
    small.refresh();
    // Two hierarchies.
    expect(small.size).toBeLessThanOrEqual(16);
    expect(small.refused).toBeGreaterThan(0);
  });

  test("a tree deeper than paths can be is scanned as far as it goes", () => {
    let path = "";
    for (let depth = 0; depth < 60; depth++) path += `/${"d".repeat(60)}`;
    const id = cgroups.make(2, path);
    expect(tree.resolve(id, 1)?.kind).toBe("host");
  });
});

test("where no cgroup file system can be seen, what the kernel tells is still known", () => {
  const tree = new CgroupTree({ clock: new ManualClock(), roots: [] });
  expect(tree.isComplete).toBe(false);
  tree.made(2, 100, 1, `pod${UID}`);
  tree.made(2, 101, 100, ID);
  expect(tree.resolve(101, 0)).toMatchObject({ containerId: ID, podUid: UID });
});
