import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPidNamespace } from "../../src/profiler/sampler/pid-namespace.ts";
import { RecordKind } from "../../src/profiler/sampler/record.ts";
import { canSample, COMPILERS } from "../agent/harness/requirements.ts";
import { hasProgram } from "../has-program.ts";
import { until } from "../peers/program.ts";
import type { NestedRecord, NestedReport } from "./nested-record.ts";
import { Compiled, Running } from "./sampling.ts";

const here = canSample() && COMPILERS.c() && hasProgram("unshare", "--version");
const NAMESPACE = ["--pid", "--fork", "--mount-proc", "--kill-child"];

function startTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

describe.skipIf(!here)("sampling from within a pid namespace", () => {
  let compiled: Compiled;
  let outside: Running;
  let nested: Running;
  let report: NestedReport;

  const seen = (wanted: (record: NestedRecord) => boolean): readonly NestedRecord[] => report.seen.filter(wanted);
  const samples = (wanted: (record: NestedRecord) => boolean): readonly NestedRecord[] =>
    seen((record) => record.kind === RecordKind.OnCpu && record.comm === "functions" && wanted(record));
  const isOutside = ({ startTimeNs }: NestedRecord): boolean =>
    Math.floor(startTimeNs / 1e7) === startTicks(outside.pid);

  const isAway = ({ kind, pid, comm }: NestedRecord): boolean =>
    kind === RecordKind.OffCpu && pid === report.here && comm === "functions";

  beforeAll(async () => {
    compiled = new Compiled();
    outside = await compiled.run("main");
    const program = join(import.meta.dirname, "programs/nested.ts");
    nested = new Running("unshare", [...NAMESPACE, process.execPath, program, compiled.file]);
    await until("samples of all three programs", () => {
      const line = nested.output.split("\n").at(-2);
      if (line === undefined) return false;
      report = JSON.parse(line) as NestedReport;
      return (
        samples(({ pid, userWords }) => pid === report.here && userWords === 5).length > 0 &&
        samples(({ shown }) => shown?.pids.length === 2).length > 0 &&
        samples(isOutside).length > 0 &&
        seen(isAway).length > 0 &&
        seen(({ pid, kind }) => pid === report.ended && kind === RecordKind.Exit).length > 0
      );
    });
  });
  afterAll(() => {
    nested?.[Symbol.dispose]();
    outside?.[Symbol.dispose]();
    compiled?.[Symbol.dispose]();
  });

  test("processes have the numbers by which /proc shows them there", () => {
    for (const { pid, tid, startTimeNs, shown } of samples(({ pid }) => pid === report.here)) {
      expect(shown).toEqual({ comm: "functions", pids: [pid], startTicks: Math.floor(startTimeNs / 1e7) });
      expect(tid).toBe(pid);
    }
  });

  test("so have those in namespaces further in", () => {
    for (const { pid, tid, startTimeNs, shown } of samples(({ shown }) => shown?.pids.length === 2)) {
      expect(shown).toEqual({ comm: "functions", pids: [pid, 1], startTicks: Math.floor(startTimeNs / 1e7) });
      expect(tid).toBe(pid);
    }
  });

  test("those outside have none, but their names and cgroups", () => {
    for (const { pid, tid, cgroups } of samples(isOutside)) {
      expect([pid, tid]).toEqual([0, 0]);
      expect(cgroups[1]).toBeGreaterThan(0);
    }
    // Nobody else's number is ever given to them.
    for (const { shown, startTimeNs } of samples(({ pid }) => pid !== 0)) {
      if (shown !== undefined) expect(shown.startTicks).toBe(Math.floor(startTimeNs / 1e7));
    }
  });

  test("starts and ends of processes are told by the same numbers", () => {
    const kinds = seen(({ pid, comm }) => pid === report.ended && comm === "true").map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining([RecordKind.Exec, RecordKind.Exit]));
  });

  test("so is time away from the CPU, which two records make up", () => {
    for (const { tid } of seen(isAway)) expect(tid).toBe(report.here);
  });

  test("how a process is to be walked is told by them as well", () => {
    expect(samples(({ pid, userWords }) => pid === report.here && userWords === 5)).not.toEqual([]);
    expect(samples((record) => isOutside(record) && record.userWords === 5)).toEqual([]);
  });
});

test.skipIf(!here)("the machine's own namespace is told from others", () => {
  const inode = Number(/\d+/.exec(readlinkSync("/proc/self/ns/pid"))![0]);
  expect(findPidNamespace()).toBe(inode === 0xefff_fffc ? 0 : inode);
  expect(findPidNamespace("/nowhere")).toBe(0);
});
