import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RecordKind } from "../../src/profiler/sampler/record.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { until } from "../peers/program.ts";
import { Running, Sampling } from "./sampling.ts";

const CPU = 1;
const switchCpu = (to: "0" | "1"): void => writeFileSync(`/sys/devices/system/cpu/cpu${CPU}/online`, to);

/** Everything else on the machine feels it when a CPU goes, so that only those who ask for it get it. */
const wanted = process.env["PODFLAME_OFFLINE_A_CPU"] === "1";
if (!wanted) process.stderr.write("SKIPPED: a CPU taken offline for real (PODFLAME_OFFLINE_A_CPU=1)\n");

test.skipIf(!wanted || !canSample())("a CPU that goes and comes back is sampled again, seen or not", async () => {
  using first = new Running("sh", ["-c", "while :; do :; done"]);
  using second = new Running("sh", ["-c", "while :; do :; done"]);
  expect(first.pid).not.toBe(second.pid);
  using sampling = new Sampling();
  const { sampler } = sampling;
  const cpus = sampler.onlineCpus;
  const sampledSince = (fromNs: number) => (): boolean => {
    sampler.followCpus();
    const samples = sampling.drain().filter(({ kind, timeNs }) => kind === RecordKind.OnCpu && timeNs > fromNs);
    return samples.some(({ cpu }) => cpu === CPU);
  };
  const now = (): number => Number(process.hrtime.bigint());
  await until("samples of the CPU", sampledSince(0));
  try {
    switchCpu("0");
    sampler.followCpus();
    expect(sampler.onlineCpus).toBe(cpus - 1);
    switchCpu("1");
    sampler.followCpus();
    expect(sampler.onlineCpus).toBe(cpus);
    await until("samples after it came back", sampledSince(now()));

    switchCpu("0");
    switchCpu("1");
    await until("samples after it was away unnoticed", sampledSince(now()));
  } finally {
    switchCpu("1");
  }
});
