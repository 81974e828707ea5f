import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RecordedTimes } from "../../src/cli/recorded-times.ts";
import { ROOT } from "../cli/podflame.ts";

/** What the capture holds, as its README says. */
export const CAPTURED_SAMPLES = 94;
/** Nanoseconds of CPU that a sample stands for. */
export const SAMPLE_NANOS = 50_000_000;

/** The recorded request of the eBPF profiler, as if it had ended at that time. Milliseconds since 1970. */
export function recordedRequest(endMs: number, name = "ebpf-20hz-grpc.binpb"): Buffer {
  const bytes = readFileSync(join(ROOT, "testdata/captures", name));
  new RecordedTimes(bytes).moveTo(endMs);
  return bytes;
}
