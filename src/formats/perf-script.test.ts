import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import type { ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { writeFolded } from "./folded.ts";
import { detectFormat } from "./formats.ts";
import { parsePerfFrame, parsePerfHeader } from "./perf-script-lines.ts";
import { readPerfScript } from "./perf-script.ts";
import { sampleTypes } from "./sample-types.ts";
import { profilesOf } from "./sample-values.ts";
import { withFolder } from "./testing/programs.ts";

const recorded = (name: string): Buffer =>
  readFileSync(new URL(`../../testdata/formats/perf-script-${name}.txt`, import.meta.url));

describe("the header of a sample", () => {
  test.each([
    [
      "w  2534  7296.252132:    5025125 cpu-clock: ",
      { comm: "w", tid: 2534n, time: 7296252132000n, period: 5025125n, event: "cpu-clock" },
    ],
    [
      "worker 1  8235/8237 [001]  7446.217166:   10309278 cycles:u: ",
      { comm: "worker 1", pid: 8235n, tid: 8237n, cpu: 1n, period: 10309278n, event: "cycles:u" },
    ],
    ["Thread 12 345 1.0:  ev: ", { comm: "Thread 12", tid: 345n, event: "ev" }],
    [
      "swapper     0 [000] 18.1: sched:sched_switch: prev_comm=x ==> next",
      {
        comm: "swapper",
        tid: 0n,
        cpu: 0n,
        period: undefined,
        event: "sched:sched_switch",
        rest: "prev_comm=x ==> next",
      },
    ],
    ["825432/825432 339457.445933440:       1 cycles:u: ", { comm: "", pid: 825432n, time: 339457445933440n }],
    [":-1    -1  1.5: 3 cpu/event=0x3c/ppp: ", { comm: ":-1", tid: -1n, event: "cpu/event=0x3c/ppp" }],
  ])("%s", (line, expected) => {
    expect(parsePerfHeader(line)).toMatchObject(expected);
  });

  test.each(["", "main;run 12", "java 215881 750014.9: PERF_RECORD_MMAP2 215881/215881: [0x0]", "12 34 1.0:"])(
    "is not %j",
    (line) => {
      expect(parsePerfHeader(line)).toBeUndefined();
    },
  );
});

test.each([
  ["\t  1193 inner+0x1a (/tmp/perf/w)", [0x1193n, "inner", "/tmp/perf/w"]],
  [
    "\tffffffff81710970 prepend_copy+0x20 ([kernel.kallsyms])",
    [0xffffffff81710970n, "prepend_copy", "[kernel.kallsyms]"],
  ],
  ["  7f0 std::f(int, char (*)(int))+0x4 (/lib/x y.so)", [0x7f0n, "std::f(int, char (*)(int))", "/lib/x y.so"]],
  ["  7f0 f() (/lib/gone.so (deleted))", [0x7f0n, "f()", "/lib/gone.so"]],
  ["  0 [unknown] ([unknown])", [0n, "", ""]],
  ["  12 g(int)", [0x12n, "g(int)", ""]],
  ["  12", [0x12n, "", ""]],
])("the frame %j", (line, [address, symbol, dso]) => {
  expect(parsePerfFrame(line)).toEqual({ address, symbol, dso, inlined: false });
});

describe("what perf 6.1 printed", () => {
  test("has threads, CPUs and processes", () => {
    const model = read(recorded("header"));
    expect(model.resources).toHaveLength(1);
    const folded = fold(model, { groupBy: ["process.pid", "thread.name", "cpu.logical_number"] });
    expect(folded).toMatch(/^\d+;worker 1;[01];start_thread;worker;outer \d+$/m);
    expect(folded).toMatch(/^\d+;workload;[01];__libc_start_call_main;main;outer \d+$/m);
  });

  test("adds up to what perf counted, however it was printed", () => {
    const samples = recorded("default")
      .toString()
      .match(/cpu-clock:/g)!.length;
    for (const name of ["default", "header", "flat"]) {
      const model = read(recorded(name));
      const all = [...profilesOf(model)].flatMap(({ profile }) => [...profile.samples.values]);
      expect(all).toHaveLength(samples);
      // 97 Hz.
      expect(all.every((period) => period === 10309278n)).toBe(true);
      expect(model.dictionary.strings.text([...profilesOf(model)][0]!.profile.types[0]!.unit)).toBe("nanoseconds");
    }
    expect(fold(read(recorded("flat")))).toMatch(/^outer \d+$/m);
  });

  test("is CPU time where it sampled a clock", () => {
    for (const name of ["default", "header", "flat"]) {
      expect(sampleTypes(read(recorded(name)))).toEqual([{ type: "cpu", unit: "nanoseconds" }]);
    }
  });

  test("has the shares of functions that perf report prints", () => {
    const leaves = new Map<string, number>();
    for (const line of fold(read(recorded("default")))
      .trim()
      .split("\n")) {
      const [, leaf, count] = /([^;]+) (\d+)$/.exec(line)!;
      leaves.set(leaf!, (leaves.get(leaf!) ?? 0) + Number(count) / 10309278);
    }
    const kernel = ["_copy_to_user", "pid_revalidate", "prepend_path", "seq_put_decimal_ull_width", "strlen"];
    expect(leaves).toEqual(new Map([...kernel.map((name) => [name, 1] as const), ["outer", 5]]));
  });

  test("tells the kernel by its addresses", () => {
    const text =
      "w 1 1.0: 1 cycles: \n\tffffffff81710970 d_path+0x20 ([kernel.kallsyms])\n\t 1193 main+0x1a (/tmp/w)\n";
    expect(fold(read(Buffer.from(text)), { frameTypes: true })).toBe("main;d_path_[k] 1\n");
  });

  test("has times of the day only where the header tells the day", () => {
    const [{ profile }] = [...profilesOf(read(recorded("header")))] as [ReturnType<typeof firstOf>];
    expect(profile.samples.timestamps).toHaveLength(profile.samples.length);
    const last = Number(profile.samples.timestamps.reduce((a, b) => (a > b ? a : b)) / 1_000_000n);
    expect(last).toBe(Date.parse("Sun Nov 22 " + /Nov 22 (\S+ \d+)/.exec(recorded("header").toString())![1]));
    const without = firstOf(read(recorded("default"))).profile;
    expect(without.samples.timestamps).toHaveLength(0);
    expect(without.timeUnixNano).toBe(0n);
    expect(without.durationNano).toBeGreaterThan(10_000_000n);
  });

  test("is known by its lines", () => {
    for (const name of ["default", "header", "flat"]) expect(detectFormat(recorded(name))).toBe("perf-script");
  });
});

describe("the type of an event", () => {
  const types = (...headers: readonly string[]): readonly string[] =>
    sampleTypes(read(Buffer.from(headers.map((header) => `w 1 1.0: ${header}: \n\t 10 main (/w)\n\n`).join("")))).map(
      ({ type, unit }) => `${type}/${unit}`,
    );

  test.each([
    ["7 cpu-clock", "cpu/nanoseconds"],
    ["7 task-clock:u", "cpu/nanoseconds"],
    ["7 cpu-clock:pppH", "cpu/nanoseconds"],
    ["cpu-clock", "samples/count"],
    ["7 cycles", "cycles/count"],
    ["7 cycles:P", "cycles/count"],
    ["7 cycles:ppp", "cycles/count"],
    ["7 cycles:Pu", "cycles:u/count"],
    ["7 sched:sched_switch", "sched:sched_switch/count"],
    ["7 cpu/event=0x3c/ppp", "cpu/event=0x3c/ppp/count"],
  ])("%s is %s", (header, expected) => {
    expect(types(header)).toEqual([expected]);
  });

  test("is CPU time for one clock only, so that nothing counts twice", () => {
    expect(types("7 task-clock:u", "7 cpu-clock", "7 task-clock:u")).toEqual([
      "cpu/nanoseconds",
      "cpu-clock/nanoseconds",
    ]);
  });
});

const mayRecord = hasProgram("perf", "record", "-q", "-o", "/dev/null", "-e", "cpu-clock", "--", "true");

test.skipIf(!mayRecord)("the CPU time of a new recording is what perf report says", () => {
  const [script, report] = withFolder((folder) => {
    const perf = (...args: readonly string[]): string =>
      execFileSync("perf", args, { encoding: "utf8", cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    perf("record", "-q", "-e", "cpu-clock", "-F", "499", "-g", "-o", "perf.data", "--", "sh", "-c", work);
    return [perf("script", "-i", "perf.data"), perf("report", "-i", "perf.data", "--stdio", "--sort", "comm")] as const;
  });
  const counted = /of event 'cpu-clock\S*'\n# Event count \(approx\.\): (\d+)/.exec(report)![1];
  const model = read(Buffer.from(script));
  expect(sampleTypes(model)).toEqual([{ type: "cpu", unit: "nanoseconds" }]);
  const values = [...profilesOf(model)].flatMap(({ profile }) => [...profile.samples.values]);
  expect(values.reduce((sum, value) => sum + value, 0n)).toBe(BigInt(counted!));
});

test("inlined calls belong to the frame below them", () => {
  const text =
    "w 1 1.0: 7 cycles: \n\t 10 tiny (inlined)\n\t 10 small (inlined)\n\t 10 big+0x1 (/w)\n\t 20 main+0x2 (/w)\n";
  const model = read(Buffer.from(text));
  expect(fold(model, { frameTypes: true })).toBe("main;big;small_[i];tiny_[i] 7\n");
  expect(firstOf(model).profile.samples.stack).toHaveLength(1);
  expect(model.dictionary.stacks.values).toHaveLength(2);
});

test("other records between samples end the sample before them and no more", () => {
  const text = [
    "w 1 1.0: 7 cycles: ",
    "\t 10 main+0x1 (/w)",
    "w 1 1.5: PERF_RECORD_EXIT(1:1):(1:1)",
    "w 1 2.0: 8 cycles: ",
    "\t 10 main+0x1 (/w)",
  ].join("\n");
  expect(fold(read(Buffer.from(text)))).toBe("main 15\n");
});

test("text without samples is an error, and any text gets an answer", () => {
  expect((readPerfScript(Buffer.from("hello\nworld\n")) as ParseError).message).toBe("holds no sample of perf script");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(2000), (noise, at) => {
      const text = recorded("default");
      const result = readPerfScript(Buffer.concat([text.subarray(0, at), noise, text.subarray(at)]));
      if (!(result instanceof ParseError)) writeFolded(result);
    }),
    { numRuns: 100 },
  );
  // What is quadratic in these takes minutes.
  readPerfScript(Buffer.from(`${"1 ".repeat(2_000_000)}\n${" ".repeat(4_000_000)}x\n${"(".repeat(1_000_000)}`));
});

function read(bytes: Uint8Array): ProfilesModel {
  const model = readPerfScript(bytes);
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

function firstOf(model: ProfilesModel) {
  return [...profilesOf(model)][0]!;
}

function fold(model: ProfilesModel, options = {}): string {
  return Buffer.from(writeFolded(model, options)).toString();
}
