import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CgroupTree, readMappings, readProcess } from "#linux";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { countOf, readSamples, type Sample } from "../../test/agent/harness/samples.ts";
import { Profiler } from "./profiler.ts";
import { RecordFlag, RecordKind } from "./sampler/record.ts";
import { recordBytes, type RecordFields } from "./sampler/testing/record-bytes.ts";
import { DEFAULT_PROFILER_SETTINGS, type ProfilerSettings } from "./settings.ts";
import { PlayedSource } from "./testing/played-source.ts";

/** A pid that no process can have: PID_MAX_LIMIT is 2^22. */
const NOBODY = 5_000_000;

interface Rig {
  readonly source: PlayedSource;
  readonly profiler: Profiler;
  readonly clock: ManualClock;
  readonly metrics: MetricRegistry;
  /** What was delivered. */
  readonly requests: Uint8Array[];
  readonly samples: () => Sample[];
}

function rig(
  settings: Partial<ProfilerSettings> = {},
  deliver: (request: Uint8Array) => Promise<void> = () => Promise.resolve(),
): Rig {
  const source = new PlayedSource();
  const clock = new ManualClock();
  const metrics = new MetricRegistry();
  const requests: Uint8Array[] = [];
  const profiler = new Profiler(
    { ...DEFAULT_PROFILER_SETTINGS, reporterJitter: 0, hostAttributes: false, ...settings },
    { logger: silentLogger, metrics, clock },
    async (request) => {
      requests.push(request.slice());
      await deliver(request);
    },
    {
      openSource: () => source,
      cgroups: () => new CgroupTree({ clock, roots: [] }),
      openKernelList: () => undefined,
      monotonicNs: () => BigInt(Math.round(clock.monotonicMs() * 1e6)),
    },
  );
  profiler.start();
  return { source, profiler, clock, metrics, requests, samples: () => requests.flatMap((each) => readSamples(each)) };
}

/** A record of now. */
function record(clock: ManualClock, fields: RecordFields): Uint8Array {
  return recordBytes({ pid: NOBODY, comm: "gone", timeNs: Math.round(clock.monotonicMs() * 1e6), ...fields });
}

describe("a profiler", () => {
  test("keeps the sample of a process that was gone before anybody looked", async () => {
    const { source, clock, profiler, samples } = rig();
    source.play(record(clock, { flags: RecordFlag.Rooted, user: [0x5555_0000_1000n, 0x5555_0000_2000n] }));
    await clock.advance(5000);
    expect(samples()).toMatchObject([
      {
        resource: { "process.executable.name": "gone" },
        attributes: { "process.pid": NOBODY, "thread.name": "gone" },
        profile: { "podflame.samples.unnamed.process_gone": 1 },
        type: "samples",
        periodNs: 50_000_000,
        count: 1,
        frames: [
          { name: "", address: 0x5555_0000_1000n, type: "native" },
          // The call stands before the address to which it returns.
          { name: "", address: 0x5555_0000_1fffn },
        ],
      },
    ]);
    await profiler.stop();
    expect(source.closed).toBe(true);
  });

  test("ends a stack whose walk broke off with a frame that says so, and counts it", async () => {
    const { source, clock, metrics, samples } = rig();
    source.play(record(clock, { flags: RecordFlag.BadFrame, user: [0x1000n, 0x2000n] }));
    await clock.advance(5000);
    expect(samples()[0]!.frames.map(({ name, type }) => `${name} ${type}`)).toEqual([
      " native",
      " native",
      "[truncated: no frame pointers] abort-marker",
    ]);
    expect(samples()[0]!.profile["podflame.samples.truncated"]).toBe(1);
    expect(samples()[0]!.profile["podflame.samples.truncated.frame_pointers"]).toBe(1);
    expect(metrics.value("podflame_profiling_samples_truncated", { reason: "frame_pointers" })).toBe(1);
  });

  test("names functions of a living process, also of this one", async () => {
    const { source, clock, profiler, samples } = rig();
    const { startTimeTicks } = readProcess(process.pid)!;
    const code = readMappings(process.pid)!.list.find(({ path }) => path.endsWith("/node"))!;
    source.play(
      record(clock, {
        pid: process.pid,
        startTimeNs: startTimeTicks * 1e7,
        comm: "main",
        flags: RecordFlag.Rooted,
        user: [BigInt(code.start + 0x40_0000)],
      }),
    );
    await clock.advance(250);
    await profiler.stop();
    const [sample] = samples();
    expect(sample!.resource["process.executable.name"]).toBe("node");
    expect(sample!.frames[0]).toMatchObject({ mapping: "node", type: "native" });
    expect(sample!.frames[0]!.mappingAttributes["process.executable.build_id.htlhash"]).toMatch(/^[0-9a-f]{32}$/);
  });

  test("sends kernel threads as one resource of their own, whatever their process", async () => {
    const { source, clock, samples } = rig();
    for (const pid of [NOBODY, NOBODY + 1]) {
      source.play(record(clock, { pid, comm: `kworker/${pid}`, flags: RecordFlag.KernelThread, kernel: [] }));
    }
    await clock.advance(5000);
    expect(new Set(samples().map(({ resource }) => JSON.stringify(resource)))).toEqual(
      new Set(['{"process.executable.name":"[kernel]"}']),
    );
  });

  test("gives off-CPU time a profile of its own, in nanoseconds", async () => {
    const { source, clock, samples } = rig();
    const user = [0x1000n];
    source.play(
      record(clock, { user }),
      record(clock, { kind: RecordKind.OffCpu, valueNs: 3_000_000, user }),
      record(clock, { kind: RecordKind.OffCpu, valueNs: 7_000_000, user }),
    );
    await clock.advance(5000);
    expect(samples().map(({ type, count, value }) => ({ type, count, value }))).toEqual([
      { type: "samples", count: 1, value: 0 },
      { type: "off_cpu", count: 2, value: 10_000_000 },
    ]);
  });

  test("delivers on request and at the end, with nothing left over", async () => {
    const { source, clock, profiler, samples } = rig();
    source.play(record(clock, { user: [0x1000n] }));
    const flushed = profiler.flushNow();
    await clock.advance(20);
    await flushed;
    expect(countOf(samples())).toBe(1);
    source.play(record(clock, { user: [0x1000n] }));
    await profiler.stop();
    expect(countOf(samples())).toBe(2);
    expect(clock.pending).toBe(0);
    expect(profiler.accounts().samples).toBe(2);
  });

  test("sends nothing where there was nothing, and looks at an empty ring ever less often", async () => {
    const { clock, source, requests } = rig();
    let looks = 0;
    const drain = source.drain.bind(source);
    source.drain = (...args) => {
      looks++;
      return drain(...args);
    };
    await clock.advance(10_000);
    expect(requests).toEqual([]);
    // 250, 750, then one a second, and one for each flush.
    expect(looks).toBeLessThanOrEqual(14);
  });

  test("waits for a slow consumer with a bounded number of samples, and counts the rest", async () => {
    let settle = (): void => {};
    const first = new Promise<void>((resolve) => (settle = resolve));
    const { source, clock, profiler, metrics, requests, samples } = rig({}, () => first);
    source.play(record(clock, { user: [0x1000n] }));
    await clock.advance(5000);
    expect(requests).toHaveLength(1);
    for (let batch = 0; batch < 70; batch++) {
      source.play(...Array.from({ length: 1000 }, () => record(clock, { user: [0x1000n] })));
      await clock.advance(250);
    }
    expect(requests).toHaveLength(1);
    const { samples: kept, lost } = profiler.accounts();
    expect(kept).toBe(1 + 65_536);
    expect(lost.backlog).toBe(70_000 - 65_536);
    settle();
    await clock.advance(6000);
    expect(countOf(samples())).toBe(kept);
    expect(metrics.value("podflame_profiling_samples_dropped", { reason: "backlog" })).toBe(lost.backlog);
    expect(samples().at(-1)!.profile["podflame.node.samples.lost.backlog"]).toBe(lost.backlog);
  });

  test("counts what was refused, and goes on", async () => {
    let refuse = true;
    const { source, clock, profiler, samples } = rig({}, () =>
      refuse ? Promise.reject(new Error("no")) : Promise.resolve(),
    );
    source.play(record(clock, { user: [0x1000n] }));
    await clock.advance(5000);
    expect(profiler.accounts()).toMatchObject({ samples: 0, lost: { refused: 1 } });
    refuse = false;
    source.play(record(clock, { user: [0x2000n] }));
    await clock.advance(5000);
    expect(samples().at(-1)!.profile["podflame.node.samples.lost.refused"]).toBe(1);
    expect(profiler.accounts().samples).toBe(1);
  });

  test("keeps samples of two frequencies apart", async () => {
    const { source, clock, profiler, samples } = rig();
    source.play(record(clock, { user: [0x1000n] }));
    profiler.setFrequency(100);
    expect(source.frequencyHz).toBe(100);
    source.play(record(clock, { user: [0x1000n] }));
    await profiler.stop();
    expect(samples().map(({ periodNs }) => periodNs)).toEqual([50_000_000, 10_000_000]);
  });

  test("groups by process where that is asked for", async () => {
    const { source, clock, samples } = rig({ groupBy: "process", sampleAttributes: ["process.pid", "thread.id"] });
    for (const pid of [NOBODY, NOBODY + 1]) source.play(record(clock, { pid, tid: 7, user: [0x1000n] }));
    await clock.advance(5000);
    expect(samples().map(({ resource, attributes }) => ({ resource, attributes }))).toEqual(
      [NOBODY, NOBODY + 1].map((pid) => ({
        resource: { "process.executable.name": "gone", "process.pid": pid },
        attributes: { "thread.id": 7 },
      })),
    );
  });

  test("begins its tables anew when they are full, and goes on as before", async () => {
    const { source, clock, profiler, metrics, samples } = rig({ values: "merged" });
    const many = 17_000;
    for (const round of [1, 2, 3]) {
      const stacks = Array.from({ length: many }, (_, at) => [BigInt(0x1000 + at * 16), BigInt(round * 0x1000_0000)]);
      // In pieces that the ring and the stacks that wait have room for.
      for (let at = 0; at < many; at += 2000) {
        source.play(...stacks.slice(at, at + 2000).map((user) => record(clock, { user, flags: RecordFlag.Rooted })));
        await clock.advance(250);
      }
      await profiler.flushNow();
      expect(metrics.value("podflame_profiling_stacks")).toBe(0);
    }
    expect(profiler.accounts()).toMatchObject({ samples: 3 * many, lost: { backlog: 0 } });
    const addresses = new Set(samples().map(({ frames }) => frames.map(({ address }) => address).join()));
    expect(addresses.size).toBe(3 * many);
    expect(countOf(samples())).toBe(3 * many);
  });

  test("says of random records what counting by hand says, over many requests", async () => {
    const sample = fc.record({
      pid: fc.integer({ min: NOBODY, max: NOBODY + 3 }),
      comm: fc.constantFrom("a", "b", "much-longer-15b"),
      user: fc.array(fc.bigInt({ min: 0x1000n, max: 0x1005n }), { minLength: 1, maxLength: 4 }),
    });
    const rounds = fc.array(fc.array(sample, { maxLength: 30 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (played) => {
        const { source, clock, profiler, samples } = rig({ values: "merged" });
        const expected = new Map<string, number>();
        for (const round of played) {
          for (const { pid, comm, user } of round) {
            source.play(record(clock, { pid, comm, user, flags: RecordFlag.Rooted }));
            const key = `${pid} ${comm} ${user.map((address, at) => address - (at === 0 ? 0n : 1n)).join()}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
          }
          await clock.advance(5000);
        }
        await profiler.stop();
        const told = new Map<string, number>();
        for (const { attributes, frames, count } of samples()) {
          const key = `${attributes["process.pid"]} ${attributes["thread.name"]} ${frames.map(({ address }) => address).join()}`;
          told.set(key, (told.get(key) ?? 0) + count);
        }
        expect(told).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});
