import { describe, expect, test } from "vitest";
import { INTERNAL_ORIGIN, type Origin, Payload, type Signal } from "#otlp";
import { ConsumeError } from "#collector";
import { Writer } from "#wire";
import { RecordingConsumer, testContext, type TestContext } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { BatchProcessor } from "./batch-processor.ts";
import { batchProcessorConfig } from "./config.ts";
import { batchProcessorFactory } from "./index.ts";

lifecycleSuite(batchProcessorFactory, [{ name: "by default", config: {} }]);

const NEVER = new AbortController().signal;

function make(
  input: object = {},
  signal: Signal = "traces",
): {
  batch: BatchProcessor;
  context: TestContext;
  next: RecordingConsumer;
  send: (spans: number, origin?: Origin) => Promise<void>;
} {
  const read = batchProcessorConfig.parse(input);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("batch");
  const next = new RecordingConsumer();
  const batch = new BatchProcessor(context, read.config, signal, next);
  const send = async (spans: number, origin?: Origin): Promise<void> => {
    const payload = new Payload(signal, context.buffers.copyOf(request(spans)), origin ?? INTERNAL_ORIGIN);
    try {
      await batch.consume(payload);
    } finally {
      payload.release();
    }
  };
  return { batch, context, next, send };
}

/** That many spans, each in a resource of its own, so that they can be cut; 6 bytes each. */
function request(spans: number): Uint8Array {
  const writer = new Writer();
  for (let span = 0; span < spans; span++) {
    writer.open(1);
    writer.open(2);
    writer.string(2, "");
    writer.close();
    writer.close();
  }
  return writer.finish();
}

function itemsOf(next: RecordingConsumer): number[] {
  return next.received.map(({ bytes }) => bytes.length / 6);
}

describe("a batch", () => {
  test("is sent when its time has come, as the bytes of its requests one behind the other", async () => {
    const { context, next, send } = make();
    await send(2);
    await send(3);
    await context.clock.advance(199);
    expect(next.received).toEqual([]);
    await context.clock.advance(1);
    expect(next.received.map(({ bytes }) => bytes)).toEqual([request(5)]);
    expect(context.metrics.value("otelcol_processor_batch_timeout_trigger_send", { processor: "batch" })).toBe(1);
    expect(context.buffers.stats.leased).toBe(0);
    expect(context.clock.pending).toBe(0);
  });

  test("is sent at once when it has send_batch_size items", async () => {
    const { context, next, send } = make({ send_batch_size: 10 });
    for (let index = 0; index < 7; index++) await send(3);
    await context.clock.advance(0);
    expect(itemsOf(next)).toEqual([12]);
    await context.clock.advance(200);
    expect(itemsOf(next)).toEqual([12, 9]);
    expect(context.metrics.value("otelcol_processor_batch_batch_size_trigger_send")).toBe(1);
  });

  test("is never larger than send_batch_max_size, also where a request is", async () => {
    const { context, next, send } = make({ send_batch_size: 4, send_batch_max_size: 4 });
    await send(3);
    await send(10);
    await context.clock.advance(200);
    expect(itemsOf(next)).toEqual([3, 4, 4, 2]);
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("is never larger than send_batch_max_bytes", async () => {
    const { context, next, send } = make({ send_batch_max_bytes: 60 });
    for (let index = 0; index < 4; index++) await send(6);
    await context.clock.advance(200);
    expect(itemsOf(next)).toEqual([6, 6, 6, 6]);
    await send(25);
    await context.clock.advance(200);
    expect(itemsOf(next).slice(4)).toEqual([10, 10, 5]);
  });

  test.each([[{ timeout: "0s" }], [{ send_batch_size: 0 }]])("is sent at once with %j", async (input) => {
    const { context, next, send } = make(input);
    await send(1);
    await context.clock.advance(0);
    expect(itemsOf(next)).toEqual([1]);
  });

  test("of one sender keeps where it came from, one of several does not", async () => {
    const { context, next, send } = make();
    const one: Origin = { protocol: "grpc", peerAddress: "10.0.0.1" };
    const two: Origin = { protocol: "grpc", peerAddress: "10.0.0.2" };
    await send(1, one);
    await send(1, one);
    await context.clock.advance(200);
    await send(1, one);
    await send(1, two);
    await context.clock.advance(200);
    expect(next.received.map(({ origin }) => origin)).toEqual([one, INTERNAL_ORIGIN]);
  });
});

test("profiles are passed on one by one", async () => {
  const { next, send } = make({}, "profiles");
  await send(1);
  await send(1);
  expect(next.received.length).toBe(2);
});

describe("backpressure", () => {
  test("lets senders wait while a batch is on its way and another is full", async () => {
    const { context, next, send } = make({ send_batch_max_bytes: 60, send_batch_size: 10 });
    let open = (): void => undefined;
    next.answer = () => new Promise((resolve) => (open = resolve));
    await send(10);
    await send(10);
    let done = false;
    const third = send(10).then(() => (done = true));
    await context.clock.advance(1000);
    expect(done).toBe(false);
    expect(itemsOf(next)).toEqual([10]);
    open();
    await third;
    await next.arrived(2);
    next.answer = () => undefined;
    open();
    await next.arrived(3);
    expect(itemsOf(next)).toEqual([10, 10, 10]);
  });

  test("keeps a refused batch and tries it again, refusing senders when it is full", async () => {
    const { context, next, send } = make({ send_batch_max_bytes: 60, send_batch_size: 10 });
    next.answer = () => {
      throw ConsumeError.overload("queue is full", 3000);
    };
    await send(10);
    await context.clock.advance(0);
    await send(10);
    await expect(send(10)).rejects.toMatchObject({ reason: "overload", message: "batch is full: queue is full" });
    next.answer = () => undefined;
    await context.clock.advance(2999);
    expect(next.received.length).toBe(1);
    await context.clock.advance(1);
    expect(itemsOf(next)).toEqual([10, 10, 10]);
    expect(context.metrics.value("podflame_processor_batch_dropped_items")).toBe(0);
    await send(10);
    expect(context.logger.messages("warn")).toEqual(["batch was refused, will try again"]);
  });

  test("tells senders that wait already when the batch before them is refused", async () => {
    const { context, next, send } = make({ send_batch_max_bytes: 60, send_batch_size: 10 });
    let refuse = (_error: Error): void => undefined;
    next.answer = () => new Promise((_resolve, reject) => (refuse = reject));
    await send(10);
    await send(10);
    const third = send(10).catch((error: unknown) => error);
    await context.clock.advance(0);
    refuse(ConsumeError.unavailable("nobody there"));
    expect(await third).toMatchObject({ reason: "overload" });
  });

  test("counts and tells what is refused for good", async () => {
    const { context, next, send } = make({ send_batch_size: 3 });
    next.answer = () => {
      throw ConsumeError.permanent("not authorized");
    };
    await send(3);
    await context.clock.advance(0);
    expect(
      context.metrics.value("podflame_processor_batch_dropped_items", { processor: "batch", signal: "traces" }),
    ).toBe(3);
    expect(context.logger.messages("error")).toEqual(["batch was dropped, data is lost"]);
    expect(context.buffers.stats.leased).toBe(0);
  });
});

describe("shutdown", () => {
  test("sends what waits and takes nothing new", async () => {
    const { batch, context, next, send } = make();
    await send(4);
    await batch.shutdown(NEVER);
    expect(itemsOf(next)).toEqual([4]);
    await expect(send(1)).rejects.toMatchObject({ reason: "unavailable" });
    expect(context.clock.pending).toBe(0);
  });

  test("counts what is refused until its deadline", async () => {
    const { batch, context, next, send } = make();
    next.answer = () => {
      throw ConsumeError.overload("full", 60_000);
    };
    await send(4);
    const deadline = new AbortController();
    const stopped = batch.shutdown(deadline.signal);
    await context.clock.advance(0);
    deadline.abort();
    await stopped;
    expect(context.metrics.value("podflame_processor_batch_dropped_items")).toBe(4);
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("doesn't use up the whole deadline for a batch that nobody takes", async () => {
    const { batch, context, next, send } = make();
    next.answer = () => {
      throw ConsumeError.unavailable("gone");
    };
    await send(4);
    const stopped = batch.shutdown(NEVER);
    await context.clock.advance(5000);
    await stopped;
    expect(next.received.length).toBe(5);
  });
});

describe("configuration", () => {
  test.each([[null], [{}]])("has upstream's defaults in %j", (input) => {
    expect(batchProcessorConfig.parse(input)).toEqual({
      config: { timeoutMs: 200, sendItems: 8192, maxItems: 0, maxBytes: 4_000_000 },
    });
  });

  test("names what is wrong", () => {
    const input = { send_batch_size: 10, send_batch_max_size: 5 };
    expect(batchProcessorConfig.parse(input)).toEqual({
      problems: [
        { path: ["send_batch_max_size"], message: "must be at least send_batch_size (10), got 5; 0 means no limit" },
      ],
    });
    expect(batchProcessorConfig.parse({ metadata_keys: ["a"], timeuot: "1s" })).toEqual({
      problems: [
        { path: ["metadata_keys"], message: '"metadata_keys" is not supported yet; remove it' },
        { path: ["timeuot"], message: 'unknown key "timeuot"; did you mean "timeout"?' },
      ],
    });
  });
});
