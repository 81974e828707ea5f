import { describe, expect, test } from "vitest";
import { ConsumeError, hostKey, type ReceiverFactory } from "#collector";
import type { IdentityHub } from "#identity";
import type { DeliverProfiles, ProfilerSettings } from "#profiler";
import { RecordingConsumer, testContext, type TestContext } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { profilingConfig, type ProfilingConfig } from "./config.ts";
import { profilingReceiverFactory } from "./index.ts";
import { ProfilingReceiver, type SamplingProfiler } from "./profiling-receiver.ts";

const PODS = new URL("../../../../testdata/captures/pods.json", import.meta.url).pathname;

/** One resource with one scope, one profile and two samples: enough for the receiver, which only counts. */
const REQUEST = Uint8Array.of(0x0a, 8, 0x12, 6, 0x12, 4, 0x12, 0, 0x12, 0);
const SAMPLES = 2;

class FakeProfiler implements SamplingProfiler {
  readonly deliver: DeliverProfiles;
  readonly events: string[];
  failure: Error | undefined;
  /** What it delivers when it is stopped. */
  last: Uint8Array | undefined;

  constructor(deliver: DeliverProfiles, events: string[], failure: Error | undefined) {
    this.deliver = deliver;
    this.events = events;
    this.failure = failure;
  }
  start(): void {
    this.events.push("start");
    if (this.failure) throw this.failure;
  }
  async stop(): Promise<void> {
    this.events.push("stop");
    if (this.last) await this.deliver(this.last, SAMPLES).catch(() => undefined);
  }
}

/** Like the real one, whose profiler `test/cli/agent.test.ts` starts: that needs a clock that goes. */
const factory: ReceiverFactory<ProfilingConfig> = {
  ...profilingReceiverFactory,
  create: (context, config, { profiles }) =>
    new ProfilingReceiver(context, config, profiles, (_settings, _telemetry, deliver) =>
      Promise.resolve(new FakeProfiler(deliver, [], undefined)),
    ),
};
lifecycleSuite(factory, [
  { name: "with defaults", config: null },
  { name: "with rules about pods", config: { selection: { namespaces: { exclude: ["web"] }, identity_file: PODS } } },
]);

interface Rig {
  readonly context: TestContext;
  readonly consumer: RecordingConsumer;
  readonly receiver: ProfilingReceiver;
  readonly events: string[];
  /** The profiler that `start` made. */
  readonly profiler: () => FakeProfiler;
  /** What it was made with. */
  readonly settings: () => ProfilerSettings;
  /** Metric of what happened at the border, by its verb. */
  readonly counted: (what: "accepted" | "refused" | "failed") => number;
}

function rig(section: unknown = null, failure?: Error): Rig {
  const result = profilingConfig.parse(section);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  const context = testContext("profiling");
  const consumer = new RecordingConsumer();
  const events: string[] = [];
  let made: FakeProfiler | undefined;
  let wanted: ProfilerSettings | undefined;
  const receiver = new ProfilingReceiver(context, result.config, consumer, (settings, _telemetry, deliver) => {
    wanted = settings;
    return Promise.resolve((made = new FakeProfiler(deliver, events, failure)));
  });
  return {
    context,
    consumer,
    receiver,
    events,
    profiler: () => made!,
    settings: () => wanted!,
    counted: (what) =>
      context.metrics.counter(
        `otelcol_receiver_${what}_profile_samples`,
        { help: "" },
        { receiver: "profiling", transport: "internal" },
      ).value,
  };
}

/** A promise's outcome as it is now; undefined while it is open. */
function outcomeOf(promise: Promise<void>): { current: string | undefined } {
  const outcome: { current: string | undefined } = { current: undefined };
  promise.then(
    () => (outcome.current = "taken"),
    (error: Error) => (outcome.current = error.message),
  );
  return outcome;
}

describe("a request of the profiler", () => {
  test("goes to the pipeline as one payload, whose buffer is given back", async () => {
    const { context, consumer, receiver, profiler, counted } = rig();
    await receiver.start();
    const bytes = REQUEST.slice();
    const delivered = profiler().deliver(bytes, SAMPLES);
    bytes.fill(0xff);
    await delivered;
    expect(consumer.received).toEqual([{ signal: "profiles", bytes: REQUEST, origin: { protocol: "internal" } }]);
    expect(counted("accepted")).toBe(SAMPLES);
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("that is refused for the moment is offered again after the delay that was asked for", async () => {
    const { context, consumer, receiver, profiler, counted } = rig();
    await receiver.start();
    consumer.answer = () => {
      if (consumer.received.length < 3) throw ConsumeError.overload("the queue is full", 2000);
    };
    const outcome = outcomeOf(profiler().deliver(REQUEST, SAMPLES));
    await context.clock.advance(3999);
    expect([consumer.received.length, outcome.current]).toEqual([2, undefined]);
    await context.clock.advance(1);
    expect([consumer.received.length, outcome.current]).toEqual([3, "taken"]);
    expect([counted("accepted"), counted("refused")]).toEqual([SAMPLES, 0]);
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("that nobody takes for half a minute is given up and counted", async () => {
    const { context, consumer, receiver, profiler, counted } = rig();
    await receiver.start();
    consumer.answer = () => {
      throw ConsumeError.unavailable("no backend");
    };
    const outcome = outcomeOf(profiler().deliver(REQUEST, SAMPLES));
    await context.clock.advance(29_000);
    expect(outcome.current).toBeUndefined();
    await context.clock.advance(1000);
    expect(outcome.current).toBe("no backend");
    expect(counted("refused")).toBe(SAMPLES);
    expect(context.logger.messages("warn")).toEqual(["samples are lost: the pipeline refused them"]);
    expect(context.buffers.stats.leased).toBe(0);
    expect(context.clock.pending).toBe(1); // the throttled log's
  });

  test("that is refused for good is not offered again", async () => {
    const { consumer, receiver, profiler, counted } = rig();
    await receiver.start();
    consumer.answer = () => {
      throw ConsumeError.permanent("not like that");
    };
    await expect(profiler().deliver(REQUEST, SAMPLES)).rejects.toThrow("not like that");
    expect([consumer.received.length, counted("refused")]).toEqual([1, SAMPLES]);
  });

  test("that a bug in the pipeline meets counts as failed, and the stack is in the log", async () => {
    const { context, consumer, receiver, profiler, counted } = rig();
    await receiver.start();
    consumer.answer = () => {
      throw new TypeError("x is undefined");
    };
    await expect(profiler().deliver(REQUEST, SAMPLES)).rejects.toThrow("x is undefined");
    expect(counted("failed")).toBe(SAMPLES);
    expect(context.logger.lines.at(-1)).toMatchObject({
      level: "error",
      fields: { stack: expect.stringContaining("TypeError") as string },
    });
  });
});

describe("shutdown", () => {
  test("delivers what the profiler still holds", async () => {
    const { consumer, receiver, profiler, events } = rig();
    await receiver.start();
    profiler().last = REQUEST;
    await receiver.shutdown(AbortSignal.timeout(5000));
    expect(consumer.received).toHaveLength(1);
    expect(events).toEqual(["start", "stop"]);
  });

  test("makes a last attempt with what was refused, and no more", async () => {
    const { context, consumer, receiver, profiler } = rig();
    await receiver.start();
    consumer.answer = () => {
      throw ConsumeError.overload("the queue is full", 10_000);
    };
    const refused = expect(profiler().deliver(REQUEST, SAMPLES)).rejects.toThrow("the queue is full");
    await context.clock.advance(1);
    await receiver.shutdown(AbortSignal.timeout(5000));
    await refused;
    expect(consumer.received).toHaveLength(2);
  });

  test("waits no longer than to its deadline for a pipeline that doesn't answer", async () => {
    const { consumer, receiver, profiler } = rig();
    await receiver.start();
    profiler().last = REQUEST;
    consumer.answer = () => new Promise(() => undefined);
    await receiver.shutdown(AbortSignal.abort(new Error("deadline passed")));
    expect(consumer.received).toHaveLength(1);
  });
});

describe("a machine that cannot be profiled", () => {
  const failure = new Error("no CAP_BPF");

  test("keeps the process from starting, by default", async () => {
    const { receiver } = rig(null, failure);
    await expect(receiver.start()).rejects.toBe(failure);
  });

  test("is told in the log with error_mode ignore, and the process goes on", async () => {
    const { context, receiver } = rig({ error_mode: "ignore" }, failure);
    await receiver.start();
    await receiver.shutdown(AbortSignal.timeout(5000));
    expect(context.logger.lines).toMatchObject([
      { level: "error", message: "this machine is not profiled (error_mode: ignore)", fields: { error: failure } },
    ]);
  });
});

describe("a selection by pods", () => {
  test("brings the directory of pods that other components may share, and lets go of it in the end", async () => {
    const selection = { namespaces: { include: ["checkout"] }, identity_file: PODS };
    const { context, receiver, settings } = rig({ selection });
    await receiver.start();
    const hub = context.host.service<IdentityHub>(hostKey("identity"), () => expect.unreachable());
    expect(hub.directories).toBe(1);
    const { rules, directory } = settings().filter;
    expect(rules?.namespaces?.include).toEqual(["checkout"]);
    const id = "3469834df5c1ef8ee941352895a72fb359c6ac014ca3417056b3b12cfb9d3943";
    expect(directory?.isSynced).toBe(true);
    expect(directory?.findContainerText(id)?.record.pod.namespace).toBe("checkout");
    await receiver.shutdown(AbortSignal.timeout(5000));
    expect(hub.directories).toBe(0);
  });

  test("asks nobody where no rule speaks of pods", async () => {
    const { receiver, settings } = rig({ selection: { cgroup_paths: ["/system.slice"] } });
    await receiver.start();
    expect(settings().filter).toEqual({ rules: { cgroupPaths: ["/system.slice"] } });
  });
});

test("what has no effect is said at the start", async () => {
  const { context, receiver } = rig({ monitor_interval: "5s" });
  await receiver.start();
  expect(context.logger.messages("warn")).toEqual([
    "monitor_interval has no effect: own metrics are always up to date",
  ]);
});
