import { beforeEach, describe, expect, test } from "vitest";
import { type CgroupPlace, CgroupTree, type Mapping, type ProcessFacts, ProcessMappings } from "#linux";
import { ManualClock, MetricRegistry } from "#telemetry";
import type { Process } from "./process.ts";
import { ProcessTable, type ProcessTableSettings } from "./process-table.ts";
import { KERNEL_PLACE, UNKNOWN_PLACES } from "./sample-place.ts";

const ID = "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11";
const UID = "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11";
const START_NS = 42_000_000_000;
const CONTAINER = 11;
const SERVICE = 12;

/** What /proc says, and how often it was asked. */
class PlayedProc {
  readonly reads: string[] = [];
  readonly facts = new Map<number, Partial<ProcessFacts>>();
  readonly places = new Map<number, CgroupPlace>();
  mappings: readonly Mapping[] = [];
  nowNs = 50e9;

  readProcess = (pid: number): ProcessFacts | undefined => {
    this.reads.push(`process ${pid}`);
    const facts = this.facts.get(pid);
    if (facts === undefined) return undefined;
    return {
      pid,
      startTimeTicks: START_NS / 1e7,
      comm: "app",
      executablePath: "/app",
      executableDeleted: false,
      pidInNamespace: 1,
      uid: 0,
      kernelThread: false,
      ...facts,
    };
  };

  readMappings = (pid: number): ProcessMappings => {
    this.reads.push(`mappings ${pid}`);
    return new ProcessMappings(this.mappings, false);
  };

  readServiceVariables = (pid: number) => {
    this.reads.push(`environment ${pid}`);
    return { serviceName: "shop", resourceAttributes: new Map<string, string>(), discarded: false };
  };

  readPlaceOfProcess = (pid: number): CgroupPlace | undefined => {
    this.reads.push(`cgroup ${pid}`);
    return this.places.get(pid);
  };

  monotonicNs = (): number => (this.nowNs += 1);
}

function codeAt(start: number): Mapping {
  return {
    start,
    end: start + 0x1000,
    executable: true,
    writable: false,
    fileOffset: 0,
    device: 1,
    inode: 2n,
    path: "/app",
    deleted: false,
  };
}

let proc: PlayedProc;
let metrics: MetricRegistry;
let forgotten: Process[];
let tree: CgroupTree;
let table: ProcessTable;

function makeTable(settings: Partial<ProcessTableSettings> = {}): ProcessTable {
  return new ProcessTable({
    telemetry: { metrics },
    tree,
    serviceNames: true,
    onForgotten: (process) => forgotten.push(process),
    readers: proc,
    ...settings,
  });
}

beforeEach(() => {
  proc = new PlayedProc();
  metrics = new MetricRegistry();
  forgotten = [];
  tree = new CgroupTree({ clock: new ManualClock(), roots: [] });
  tree.made(2, 10, 1, `pod${UID}`);
  tree.made(2, CONTAINER, 10, ID);
  tree.made(2, SERVICE, 1, "ssh.service");
  proc.facts.set(7, {});
  table = makeTable();
});

const unread = (reason: string): number | undefined => metrics.value("podflame_profiling_processes_unread", { reason });

describe("a process's first sample", () => {
  test("has it read at once, and its further samples don't", () => {
    const first = table.sampled(7, START_NS, "app", false);
    expect(proc.reads).toEqual(["process 7", "mappings 7", "environment 7"]);
    expect(table.sampled(7, START_NS, "worker", false)).toBe(first);
    expect(proc.reads).toHaveLength(3);
    expect(first).toMatchObject({ comm: "app", service: { serviceName: "shop" } });
  });

  test("doesn't have its environment read where service names are not wanted", () => {
    table = makeTable({ serviceNames: false });
    expect(table.sampled(7, START_NS, "app", false).service).toBeUndefined();
    expect(proc.reads).toEqual(["process 7", "mappings 7"]);
  });

  test("is kept though the process is gone: name and cgroup are in the record", () => {
    const gone = table.sampled(8, START_NS, "true", false);
    expect(gone).toMatchObject({ comm: "true", facts: undefined, mappings: undefined });
    expect(table.placeOf(gone, CONTAINER, 0)).toMatchObject({ containerId: ID, podUid: UID });
    expect(unread("gone")).toBe(1);
  });

  test("doesn't take what is read for another process that got the pid", () => {
    proc.facts.set(7, { startTimeTicks: START_NS / 1e7 + 2 });
    expect(table.sampled(7, START_NS, "app", false).facts).toBeUndefined();
    expect(proc.reads).toEqual(["process 7"]);
    expect(unread("other_process")).toBe(1);
  });

  test("of a kernel thread reads nothing", () => {
    const thread = table.sampled(2, START_NS, "kworker/0:1", true);
    expect(proc.reads).toEqual([]);
    expect(table.placeOf(thread, CONTAINER, 0)).toBe(KERNEL_PLACE);
  });
});

test("nothing is read for processes that only start and end", () => {
  table.exec(7, START_NS, 45e9);
  table.exit(7, START_NS);
  expect(proc.reads).toEqual([]);
  expect(table.size).toBe(0);
});

describe("a pid that is used again", () => {
  test("is another process", () => {
    const first = table.sampled(7, START_NS, "app", false);
    proc.facts.set(7, { startTimeTicks: 4300, executablePath: "/other" });
    const second = table.sampled(7, 43_000_000_000, "other", false);
    expect(second.number).not.toBe(first.number);
    expect(first.facts?.executablePath).toBe("/app");
    expect(second.facts?.executablePath).toBe("/other");
  });

  test("doesn't end the new process when the old one's exit comes late", () => {
    table.sampled(7, START_NS, "app", false);
    proc.facts.set(7, { startTimeTicks: 4300 });
    const second = table.sampled(7, 43_000_000_000, "other", false);
    table.exit(7, START_NS);
    for (let flush = 0; flush < 3; flush++) table.endFlush();
    expect(table.sampled(7, 43_000_000_000, "other", false)).toBe(second);
  });
});

describe("exec", () => {
  test("makes another program of the process, which is read anew", () => {
    const before = table.sampled(7, START_NS, "sh", false);
    proc.nowNs = 60e9;
    table.exec(7, START_NS, 60e9);
    proc.facts.set(7, { executablePath: "/bin/ls" });
    const after = table.sampled(7, START_NS, "ls", false);
    expect(after).not.toBe(before);
    expect(after.facts?.executablePath).toBe("/bin/ls");
    expect(before.facts?.executablePath).toBe("/app");
  });

  test("takes back what was read of the new program for the old one's samples", () => {
    // The record of the exec waits in the ring while the sample before it is handled.
    const before = table.sampled(7, START_NS, "sh", false);
    table.exec(7, START_NS, 49e9);
    expect(before.facts).toBeUndefined();
    expect(unread("exec")).toBe(1);
  });
});

describe("what ended", () => {
  test("stays known until the flush after next", () => {
    const process = table.sampled(7, START_NS, "app", false);
    table.exit(7, START_NS);
    table.endFlush();
    expect(forgotten).toEqual([]);
    table.endFlush();
    expect(forgotten).toEqual([process]);
    expect(table.size).toBe(0);
  });

  test("still takes the samples of its last moments", () => {
    const process = table.sampled(7, START_NS, "app", false);
    table.exit(7, START_NS);
    expect(table.sampled(7, START_NS, "app", false)).toBe(process);
    expect(forgotten).toEqual([]);
  });

  test("is forgotten once, whatever is told twice", () => {
    table.sampled(7, START_NS, "app", false);
    table.exit(7, START_NS);
    table.exit(7, START_NS);
    table.exec(7, START_NS, 60e9);
    for (let flush = 0; flush < 4; flush++) table.endFlush();
    expect(forgotten).toHaveLength(1);
    expect(table.size).toBe(0);
  });
});

test("a process that is not sampled for a minute of flushes is forgotten, for its exit may have been lost", () => {
  table.sampled(7, START_NS, "app", false);
  for (let flush = 0; flush < 11; flush++) table.endFlush();
  expect(table.size).toBe(1);
  table.endFlush();
  expect(forgotten).toHaveLength(1);
});

test("there are never more processes than the bound: what ended goes first, then what was sampled longest ago", () => {
  table = makeTable({ maxProcesses: 16 });
  for (let pid = 100; pid < 108; pid++) table.sampled(pid, START_NS, "old", false);
  table.endFlush();
  for (let pid = 200; pid < 208; pid++) table.sampled(pid, START_NS, "new", false);
  table.exit(207, START_NS);
  table.sampled(300, START_NS, "one more", false);
  expect(forgotten.map(({ pid }) => pid)).toEqual([207]);
  table.sampled(301, START_NS, "and another", false);
  expect(forgotten.map(({ pid }) => pid)).toEqual([207, 100, 101]);
  expect(table.size).toBeLessThanOrEqual(16);
  expect(metrics.value("podflame_profiling_processes_evicted")).toBe(3);
});

describe("mappings", () => {
  test("are read again once a second at most", () => {
    const process = table.sampled(7, START_NS, "app", false);
    const first = process.mappings;
    expect(table.refreshMappings(process)).toBe(false);
    proc.nowNs += 1e9;
    expect(table.refreshMappings(process)).toBe(true);
    expect(process.mappings).not.toBe(first);
    expect(table.refreshMappings(process)).toBe(false);
  });

  test("of another program are not taken for its own", () => {
    const process = table.sampled(7, START_NS, "app", false);
    const first = process.mappings;
    proc.nowNs += 2e9;
    proc.facts.set(7, { executablePath: "/after/exec" });
    expect(table.refreshMappings(process)).toBe(false);
    expect(process.mappings).toBe(first);
  });

  test("of the same program, executed again, are not taken for its own", () => {
    proc.mappings = [codeAt(0x1000)];
    const process = table.sampled(7, START_NS, "app", false);
    const first = process.mappings;
    proc.nowNs += 2e9;
    proc.mappings = [codeAt(0x5000)];
    expect(table.refreshMappings(process)).toBe(false);
    expect(process.mappings).toBe(first);
    proc.nowNs += 2e9;
    proc.mappings = [codeAt(0x1000), { ...codeAt(0x9000), path: "/generated" }];
    expect(table.refreshMappings(process)).toBe(true);
  });

  test("of what is gone stay as they were", () => {
    const process = table.sampled(7, START_NS, "app", false);
    proc.nowNs += 2e9;
    proc.facts.delete(7);
    expect(table.refreshMappings(process)).toBe(false);
    expect(process.mappings).toBeDefined();
  });
});

describe("to whom a sample is credited", () => {
  test("is where the task was then, not where its process is now", () => {
    const process = table.sampled(7, START_NS, "app", false);
    const container = table.placeOf(process, CONTAINER, 0);
    expect(table.placeOf(process, SERVICE, 0)).toMatchObject({ kind: "host", path: "/ssh.service" });
    expect(table.placeOf(process, CONTAINER, 0)).toBe(container);
  });

  test("is asked of /proc where the cgroup file system can't be seen", () => {
    const place = { kind: "container", path: "/x", containerId: ID } as CgroupPlace;
    proc.places.set(7, place);
    const process = table.sampled(7, START_NS, "app", false);
    expect(table.placeOf(process, 99, 0)).toBe(place);
    expect(table.placeOf(process, 99, 0)).toBe(place);
    expect(proc.reads.filter((read) => read === "cgroup 7")).toHaveLength(1);
  });

  test("is asked again when the task is in another cgroup", () => {
    const process = table.sampled(7, START_NS, "app", false);
    proc.places.set(7, { kind: "container", path: "/x", containerId: ID } as CgroupPlace);
    table.placeOf(process, 99, 0);
    proc.places.set(7, { kind: "host", path: "/y" } as CgroupPlace);
    expect(table.placeOf(process, 100, 0)).toMatchObject({ kind: "host" });
  });

  test("is unknown, with the reason, where neither the tree nor /proc can tell", () => {
    const process = table.sampled(8, START_NS, "gone", false);
    expect(table.placeOf(process, 99, 0)).toBeUndefined();
    expect(table.finalPlaceOf(process, 99, 0)).toBe(UNKNOWN_PLACES["cgroup-unseen"]);
  });

  test("is unknown with its reason where only a part of the tree can be seen, and it isn't a container's", () => {
    tree = new CgroupTree({ clock: new ManualClock(), roots: [{ hierarchy: 2, directory: "/nowhere", id: 500 }] });
    table = makeTable();
    const process = table.sampled(7, START_NS, "app", false);
    expect(table.placeOf(process, 500, 0)).toBe(UNKNOWN_PLACES["path-relative"]);
  });

  test("is unknown where the path begins outside what can be seen", () => {
    proc.places.set(7, { kind: "unknown", path: "/../.." } as CgroupPlace);
    const process = table.sampled(7, START_NS, "app", false);
    expect(table.placeOf(process, 99, 0)).toBe(UNKNOWN_PLACES["path-relative"]);
  });
});

test("at the end everything is forgotten once", () => {
  table.sampled(7, START_NS, "app", false);
  table.sampled(8, START_NS, "b", false);
  table.exit(8, START_NS);
  table.close();
  expect(forgotten.map(({ pid }) => pid).sort((a, b) => a - b)).toEqual([7, 8]);
  expect(metrics.value("podflame_profiling_processes")).toBe(0);
});

describe("processes that /proc doesn't show", () => {
  test("are told apart by their start, and nothing is read of them", () => {
    const one = table.sampled(0, START_NS, "postgres", false);
    const other = table.sampled(0, START_NS + 5, "redis", false);
    expect(table.sampled(0, START_NS, "postgres", false)).toBe(one);
    expect([one.comm, other.comm]).toEqual(["postgres", "redis"]);
    expect(proc.reads).toEqual([]);
    expect(unread("not_visible")).toBe(2);
    expect(table.placeOf(one, CONTAINER, 0)).toMatchObject({ containerId: ID });
  });

  test("end on their own", () => {
    const one = table.sampled(0, START_NS, "postgres", false);
    const other = table.sampled(0, START_NS + 5, "redis", false);
    table.exit(0, START_NS);
    table.endFlush();
    table.endFlush();
    expect(forgotten).toEqual([one]);
    expect(table.sampled(0, START_NS + 5, "redis", false)).toBe(other);
  });
});
