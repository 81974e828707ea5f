import { beforeEach, describe, expect, test } from "vitest";
import { Directory } from "#identity";
import { CgroupTree } from "#linux";
import { ManualClock, MetricRegistry } from "#telemetry";
import { containerOf, podOf } from "../../identity/pod-fixtures.ts";
import { ToldCgroups } from "../../linux/proc/testing/told-cgroups.ts";
import { UNKNOWN_PLACES } from "../processes/index.ts";
import type { CgroupId, CgroupSelection, SelectionMode } from "../sampler/sample-source.ts";
import { CgroupSelector } from "./cgroup-selector.ts";
import { PROFILE_ANNOTATION, type SelectionRules } from "./rules.ts";

const WEB = {
  uid: "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11",
  id: "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11",
};
const DB = {
  uid: "b8bffafc-562c-4c01-976f-d1eccfd17ec7",
  id: "b7a1f0c9e2d84356af01c2d3e4f5a6978899aabbccddeeff0011223344556677",
};
const DOCKER_ID = "9e8d7c6b5a4938271605f4e3d2c1b0a99f8e7d6c5b4a39281706f5e4d3c2b1a0";

/** Ids of the cgroups that `nodeTree` tells of. */
const ROOT = 1;
const WEB_POD = 10;
const WEB_CONTAINER = 11;
const WEB_CHILD = 12;
const DB_CONTAINER = 21;
const DOCKER_CONTAINER = 31;
const SERVICE = 41;

class RecordedSelection implements CgroupSelection {
  mode: SelectionMode = "all";
  readonly ids = new Set<number>();
  room = Infinity;

  use(mode: SelectionMode): void {
    this.mode = mode;
  }

  add({ id }: CgroupId): boolean {
    if (this.ids.size >= this.room) return false;
    this.ids.add(Number(id));
    return true;
  }

  remove({ id }: CgroupId): void {
    this.ids.delete(Number(id));
  }

  /** What the kernel would answer for tasks in that cgroup. */
  samples(id: number): boolean {
    if (this.mode === "all") return true;
    return (this.mode === "only") === this.ids.has(id);
  }

  sampled(): number[] {
    return [ROOT, WEB_POD, WEB_CONTAINER, WEB_CHILD, DB_CONTAINER, DOCKER_CONTAINER, SERVICE].filter((id) =>
      this.samples(id),
    );
  }
}

const EVERYBODY = [ROOT, WEB_POD, WEB_CONTAINER, WEB_CHILD, DB_CONTAINER, DOCKER_CONTAINER, SERVICE];

let clock: ManualClock;
let metrics: MetricRegistry;
let directory: Directory;
let selection: RecordedSelection;
let tree: CgroupTree;
let told: ToldCgroups;

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  directory = new Directory({ telemetry: { clock, metrics } });
  selection = new RecordedSelection();
  tree = new CgroupTree({ clock, roots: [] });
  told = new ToldCgroups(tree);
  told.made(2, "/kubepods");
  told.made(WEB_POD, `/kubepods/pod${WEB.uid}`);
  told.made(WEB_CONTAINER, `/kubepods/pod${WEB.uid}/${WEB.id}`);
  told.made(WEB_CHILD, `/kubepods/pod${WEB.uid}/${WEB.id}/init`);
  told.made(20, `/kubepods/pod${DB.uid}`);
  told.made(DB_CONTAINER, `/kubepods/pod${DB.uid}/${DB.id}`);
  told.made(30, "/docker");
  told.made(DOCKER_CONTAINER, `/docker/${DOCKER_ID}`);
  told.made(40, "/system.slice");
  told.made(SERVICE, "/system.slice/ssh.service");
});

function follow(rules: SelectionRules, withPods = true): CgroupSelector {
  const selector = new CgroupSelector({
    rules,
    tree,
    selection,
    telemetry: { metrics },
    ...(withPods ? { directory } : {}),
  });
  selector.start();
  return selector;
}

function knowPods(): void {
  directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1", labels: new Map([["app", "web"]]) }));
  directory.upsert(podOf({ uid: DB.uid, namespace: "data", name: "db-0", labels: new Map([["app", "db"]]) }));
}

describe("without rules", () => {
  test("everybody is sampled, and the kernel has nothing to look up", () => {
    knowPods();
    follow({});
    expect(selection.mode).toBe("all");
    expect(selection.sampled()).toEqual(EVERYBODY);
  });

  test("a pod opts out by its annotation", () => {
    knowPods();
    const selector = follow({});
    const annotations = new Map([[PROFILE_ANNOTATION, "false"]]);
    directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1", annotations }));
    selector.update();
    expect(selection.mode).toBe("except");
    expect(selection.sampled()).toEqual([ROOT, DB_CONTAINER, DOCKER_CONTAINER, SERVICE]);
  });

  test("a pod that takes its annotation back is sampled again", () => {
    const annotations = new Map([[PROFILE_ANNOTATION, "false"]]);
    directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1", annotations }));
    const selector = follow({});
    expect(selection.samples(WEB_CONTAINER)).toBe(false);
    directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1" }));
    selector.update();
    expect(selection.mode).toBe("all");
    expect(selection.ids.size).toBe(0);
  });

  test("a static pod, whose uid is not in the path, opts out as soon as its container is known", () => {
    const hash = "b50e7d2c1a9f4e6db3c8a7f605142d3e";
    told.made(50, `/kubepods/pod${hash}`);
    told.made(51, `/kubepods/pod${hash}/${"ab".repeat(32)}`);
    const selector = follow({});
    directory.upsert(
      podOf({
        uid: "3c5d4f64-8a36-4a0d-a8a5-0d3a3c5f1a11",
        name: "etcd",
        annotations: new Map([[PROFILE_ANNOTATION, "false"]]),
        containers: [containerOf({ containerId: `containerd://${"ab".repeat(32)}` })],
      }),
    );
    selector.update();
    expect(selection.samples(51)).toBe(false);
  });

  test("nobody who can't be asked about pods opts out", () => {
    const selector = follow({}, false);
    expect(selector.isTrivial).toBe(true);
  });

  test("opting out can be switched off", () => {
    expect(follow({ optOut: false }).isTrivial).toBe(true);
  });
});

describe("namespaces", () => {
  test("that are included are sampled alone, by the pod's uid in the path", () => {
    knowPods();
    follow({ namespaces: { include: ["shop"] } });
    expect(selection.mode).toBe("only");
    expect(selection.sampled()).toEqual([WEB_POD, WEB_CONTAINER, WEB_CHILD]);
  });

  test("that are excluded are left out, and the host stays", () => {
    knowPods();
    follow({ namespaces: { exclude: ["shop"] } });
    expect(selection.sampled()).toEqual([ROOT, DB_CONTAINER, DOCKER_CONTAINER, SERVICE]);
  });

  test("of pods that are not known yet don't count until they are", () => {
    const selector = follow({ namespaces: { include: ["shop"] } });
    expect(selection.sampled()).toEqual([]);
    knowPods();
    selector.update();
    expect(selection.sampled()).toEqual([WEB_POD, WEB_CONTAINER, WEB_CHILD]);
  });
});

test("pods are selected by label, and follow it", () => {
  knowPods();
  const selector = follow({ pods: { labels: [{ key: "app", values: ["db", "cache"] }] } });
  expect(selection.sampled()).toEqual([DB_CONTAINER]);
  directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1", labels: new Map([["app", "cache"]]) }));
  selector.update();
  expect(selection.sampled()).toEqual([WEB_POD, WEB_CONTAINER, WEB_CHILD, DB_CONTAINER]);
});

test("pods are selected by annotation, so that nobody is sampled who didn't ask for it", () => {
  knowPods();
  const selector = follow({ pods: { annotations: [{ key: PROFILE_ANNOTATION, values: ["true"] }] } });
  expect(selection.sampled()).toEqual([]);
  const annotations = new Map([[PROFILE_ANNOTATION, "true"]]);
  directory.upsert(podOf({ uid: DB.uid, namespace: "data", name: "db-0", annotations }));
  selector.update();
  expect(selection.sampled()).toEqual([DB_CONTAINER]);
});

test("pods are selected by name", () => {
  knowPods();
  follow({ pods: { names: ["data/db-0"] } });
  expect(selection.sampled()).toEqual([DB_CONTAINER]);
});

test("what includes must match together", () => {
  knowPods();
  follow({ namespaces: { include: ["shop", "data"] }, pods: { labels: [{ key: "app", values: ["db"] }] } });
  expect(selection.sampled()).toEqual([DB_CONTAINER]);
});

describe("containers", () => {
  test("are selected by their ids' first digits, without anybody knowing pods", () => {
    follow({ containers: { include: [DOCKER_ID.slice(0, 12)] } }, false);
    expect(selection.sampled()).toEqual([DOCKER_CONTAINER]);
  });

  test("are excluded by id", () => {
    follow({ containers: { exclude: [DOCKER_ID] } }, false);
    expect(selection.sampled()).toEqual([ROOT, WEB_POD, WEB_CONTAINER, WEB_CHILD, DB_CONTAINER, SERVICE]);
  });

  test("are selected by their name in the pod, once it is known", () => {
    const selector = follow({ containers: { include: ["app"] } });
    expect(selection.sampled()).toEqual([]);
    const containers = [containerOf({ name: "app", containerId: `containerd://${WEB.id}` })];
    directory.upsert(podOf({ uid: WEB.uid, namespace: "shop", name: "web-1", containers }));
    selector.update();
    expect(selection.sampled()).toEqual([WEB_CONTAINER, WEB_CHILD]);
  });

  test("include those that run inside one that is selected", () => {
    told.made(32, `/docker/${DOCKER_ID}/docker`);
    told.made(33, `/docker/${DOCKER_ID}/docker/${"cd".repeat(32)}`);
    follow({ containers: { include: [DOCKER_ID] } }, false);
    expect(selection.samples(33)).toBe(true);
  });
});

test("control groups are selected with all below them, and not those whose names begin alike", () => {
  told.made(42, "/system.slice/ssh.service-x");
  told.made(43, "/system.slice/ssh.service/child");
  follow({ cgroupPaths: ["/system.slice/ssh.service"] }, false);
  expect(selection.sampled()).toEqual([SERVICE]);
  expect([42, 43].map((id) => selection.samples(id))).toEqual([false, true]);
});

describe("as cgroups come and go", () => {
  test("a container of a known pod is decided on when its cgroup is made", () => {
    knowPods();
    follow({ namespaces: { include: ["shop"] } });
    told.made(13, `/kubepods/pod${WEB.uid}/${"ef".repeat(32)}`);
    expect(selection.samples(13)).toBe(true);
  });

  test("one that is gone leaves the kernel's set", () => {
    knowPods();
    follow({ namespaces: { include: ["shop"] } });
    tree.removed(2, WEB_CHILD);
    expect(selection.ids).toEqual(new Set([WEB_POD, WEB_CONTAINER]));
  });

  test("nothing is left in the kernel's set at the end", () => {
    knowPods();
    const selector = follow({ namespaces: { exclude: ["shop"] } });
    selector.close();
    expect(selection).toMatchObject({ mode: "all", ids: new Set() });
    told.made(13, `/kubepods/pod${WEB.uid}/${"ef".repeat(32)}`);
    expect(selection.ids.size).toBe(0);
  });
});

describe("where the kernel's set is full", () => {
  const leftOut = (): number | undefined => metrics.value("podflame_profiling_selection_left_out");

  test("it is told, and the samples are still known not to be wanted", () => {
    knowPods();
    selection.room = 1;
    const selector = follow({ namespaces: { exclude: ["shop"] } });
    expect(leftOut()).toBe(2);
    expect(selector.admits(tree.resolve(WEB_CHILD, 0)!)).toBe(false);
    expect(selector.admits(tree.resolve(DB_CONTAINER, 0)!)).toBe(true);
  });

  test("what found no room gets in as soon as there is some", () => {
    knowPods();
    selection.room = 1;
    const selector = follow({ namespaces: { exclude: ["shop"] } });
    selection.room = 2;
    selector.update();
    expect(selection.ids.size).toBe(2);
    expect(leftOut()).toBe(1);
  });
});

test("samples of what is gone already are judged by what is known of its pod", () => {
  knowPods();
  const selector = follow({ namespaces: { exclude: ["shop"] } });
  const place = tree.resolve(WEB_CONTAINER, 0)!;
  for (const id of [WEB_CHILD, WEB_CONTAINER]) tree.removed(2, id);
  expect(selector.admits(place)).toBe(false);
});

test("samples of nobody knows whom are wanted unless rules include", () => {
  expect(follow({ namespaces: { exclude: ["shop"] } }).admits(UNKNOWN_PLACES["cgroup-gone"])).toBe(true);
  expect(follow({ namespaces: { include: ["shop"] } }).admits(UNKNOWN_PLACES["cgroup-gone"])).toBe(false);
});
