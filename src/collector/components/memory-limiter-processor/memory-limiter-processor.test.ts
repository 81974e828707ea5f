import { describe, expect, test } from "vitest";
import { ConsumeError } from "#collector";
import { RecordingConsumer, testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { memoryLimiterConfig } from "./config.ts";
import { memoryLimiterProcessorFactory } from "./index.ts";
import { MemoryLimiterProcessor } from "./memory-limiter-processor.ts";
import { processMemory, type ProcessMemory } from "./process-memory.ts";

const MIB = 1024 * 1024;
/** One span: resource_spans { scope_spans { spans {} } }. */
const SPAN = Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x12, 0x00);

lifecycleSuite(memoryLimiterProcessorFactory, [
  { name: "in MiB", config: { check_interval: "1s", limit_mib: 100_000 } },
  { name: "in percent", config: { check_interval: "1s", limit_percentage: 80, spike_limit_percentage: 15 } },
]);

/** A limiter over a process whose memory the test sets. */
function make(
  input: object,
  memory: Partial<ProcessMemory> = {},
): { limiter: MemoryLimiterProcessor; context: TestContext; resident: (mib: number) => void; next: RecordingConsumer } {
  const read = memoryLimiterConfig.parse(input);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("memory_limiter");
  const next = new RecordingConsumer();
  let residentBytes = 0;
  const limiter = new MemoryLimiterProcessor(context, read.config, "traces", next, {
    residentBytes: () => residentBytes,
    totalBytes: () => 1000 * MIB,
    ...memory,
  });
  return { limiter, context, next, resident: (mib) => (residentBytes = mib * MIB) };
}

describe("the limiter", () => {
  test("refuses above the soft limit with overload, and takes again below it", async () => {
    const { limiter, context, resident, next } = make({ check_interval: "1s", limit_mib: 100 });
    await limiter.start();
    resident(80);
    await context.clock.advance(1000);
    await limiter.consume(testPayload("traces", SPAN));

    resident(81);
    await context.clock.advance(1000);
    const error: unknown = await limiter.consume(testPayload("traces", SPAN)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConsumeError);
    expect(error).toMatchObject({ permanent: false, reason: "overload", retryAfterMs: 1000 });

    resident(79);
    await context.clock.advance(1000);
    await limiter.consume(testPayload("traces", SPAN));
    expect(next.received.length).toBe(2);
    expect(context.metrics.value("otelcol_processor_accepted_spans", { processor: "memory_limiter" })).toBe(2);
    expect(context.metrics.value("otelcol_processor_refused_spans", { processor: "memory_limiter" })).toBe(1);
    await limiter.shutdown();
    expect(context.clock.pending).toBe(0);
  });

  test("says so once when it begins and once when it ends to refuse", async () => {
    const { limiter, context, resident } = make({ check_interval: "1s", limit_mib: 100 });
    await limiter.start();
    resident(200);
    await context.clock.advance(10_000);
    resident(10);
    await context.clock.advance(10_000);
    expect(context.logger.messages()).toEqual([
      "memory limiter is watching",
      "memory is above the soft limit, refusing requests",
      "memory is below the soft limit again, taking requests",
    ]);
    await limiter.shutdown();
  });

  test("measures a burst without waiting for the next check", async () => {
    const { limiter, context, resident, next } = make({ check_interval: "1h", limit_mib: 100, spike_limit_mib: 1 });
    await limiter.start();
    resident(150);
    const large = testPayload("traces", new Uint8Array(MIB / 4));
    let refused = 0;
    for (let request = 0; request < 10; request++) await limiter.consume(large).catch(() => refused++);
    expect(next.received.length).toBe(2);
    expect(refused).toBe(8);
    expect(context.metrics.value("otelcol_processor_refused_spans")).toBe(0);
    await limiter.shutdown();
  });

  test("computes limits from the memory that there is", async () => {
    const { limiter, context } = make({ check_interval: "1s", limit_percentage: 80, spike_limit_percentage: 15 });
    await limiter.start();
    expect(context.logger.lines[0]!.fields).toMatchObject({ softMib: 650, hardMib: 800 });
    await limiter.shutdown();
  });

  test("collects garbage where it can, and goes on when that was enough", async () => {
    let collected = 0;
    const set: { resident?: (mib: number) => void } = {};
    const made = make(
      { check_interval: "1s", limit_mib: 100 },
      {
        collect: () => {
          collected++;
          set.resident?.(50);
        },
      },
    );
    set.resident = made.resident;
    await made.limiter.start();
    made.resident(90);
    await made.context.clock.advance(1000);
    expect(collected).toBe(1);
    await made.limiter.consume(testPayload("traces", SPAN));
    // Between the limits again: not before 10 s have passed.
    made.resident(90);
    await made.context.clock.advance(5000);
    expect(collected).toBe(1);
    // Above the hard limit: at every check.
    set.resident = undefined as never;
    made.resident(150);
    await made.context.clock.advance(3000);
    expect(collected).toBe(4);
    await made.limiter.shutdown();
  });
});

test("the memory of this process is what /proc says of it", () => {
  expect(processMemory.residentBytes()).toBeGreaterThan(20 * MIB);
  expect(processMemory.totalBytes()).toBeGreaterThan(processMemory.residentBytes());
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = memoryLimiterConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}]])("%j is refused, as upstream does", (input) => {
    expect(problems(input)).toEqual([
      "check_interval: must be greater than zero; 1s is a good value",
      "limit_mib: is missing: give limit_mib, or limit_percentage of the memory that there is",
    ]);
  });

  test("refuses a spike that is not below its limit, and unknown keys", () => {
    expect(problems({ check_interval: "1s", limit_mib: 10, spike_limit_mib: 10 })).toEqual([
      "spike_limit_mib: must be less than limit_mib (10), got 10",
    ]);
    expect(problems({ check_interval: "1s", limit_percentage: 50, spike_limit_percentage: 60 })).toEqual([
      "spike_limit_percentage: must be less than limit_percentage (50), got 60",
    ]);
    expect(problems({ check_interval: "1s", limit_mb: 10, limit_mib: 1 })).toEqual([
      'limit_mb: unknown key "limit_mb"; did you mean "limit_mib"?',
    ]);
  });

  test("keeps a fifth of the limit free by default", () => {
    expect(memoryLimiterConfig.parse({ check_interval: "1s", limit_mib: 100 })).toMatchObject({
      config: { hard: { bytes: 100 * MIB }, spike: { bytes: 20 * MIB } },
    });
  });
});
