import { describe, expect, test } from "vitest";
import { INTERNAL_ORIGIN, Payload } from "#otlp";
import { Writer } from "#wire";
import { ConsumeError } from "../errors.ts";
import { testContext, testPayload, type TestContext } from "../testing/context.ts";
import type { RetrySettings } from "./backoff.ts";
import type { SendingSettings } from "./config.ts";
import { SENT, type SendOutcome } from "./outcome.ts";
import type { QueueSettings } from "./queue.ts";
import { Sender } from "./sender.ts";

const RETRY: RetrySettings = {
  initialIntervalMs: 5000,
  randomizationFactor: 0.5,
  multiplier: 1.5,
  maxIntervalMs: 30_000,
  maxElapsedMs: 300_000,
};
const QUEUE: QueueSettings = {
  consumers: 1,
  capacity: 2,
  sizer: "requests",
  blockOnOverflow: false,
  waitForResult: false,
  maxBytes: 1 << 20,
};
const UNAVAILABLE: SendOutcome = { kind: "retryable", message: "nobody there" };
const NEVER = new AbortController().signal;

/** A sender whose attempts the test answers one by one. */
function make(settings: Partial<SendingSettings> = {}): {
  sender: Sender;
  context: TestContext;
  attempts: Payload[];
  answer: (outcome: SendOutcome) => Promise<void>;
} {
  const context = testContext("otlp_grpc/out");
  const attempts: Payload[] = [];
  const waiting: ((outcome: SendOutcome) => void)[] = [];
  const send = (payload: Payload, signal: AbortSignal): Promise<SendOutcome> => {
    attempts.push(payload);
    return new Promise((resolve) => {
      waiting.push(resolve);
      signal.addEventListener("abort", () => resolve({ kind: "retryable", message: "canceled" }));
    });
  };
  const all: SendingSettings = { timeoutMs: 5000, queue: undefined, retry: undefined, ...settings };
  const sender = new Sender(context, all, send, { random: () => 0.5 });
  const answer = async (outcome: SendOutcome): Promise<void> => {
    waiting.shift()!(outcome);
    await context.clock.advance(0);
  };
  return { sender, context, attempts, answer };
}

/** A request with that many spans in one resource. */
function spans(count: number): Payload {
  const writer = new Writer();
  writer.open(1);
  writer.open(2);
  for (let index = 0; index < count; index++) writer.string(2, "");
  writer.close();
  writer.close();
  return testPayload("traces", writer.finish());
}

async function outcome(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
}

describe("without a queue", () => {
  test("resolves when the payload was delivered and counts its items", async () => {
    const { sender, context, answer } = make();
    let done = false;
    const consumed = sender.consume(spans(3)).then(() => (done = true));
    await context.clock.advance(0);
    expect(done).toBe(false);
    await answer(SENT);
    await consumed;
    expect(context.metrics.value("otelcol_exporter_sent_spans", { exporter: "otlp_grpc/out" })).toBe(3);
  });

  test("tells the sender of a permanent failure and counts it", async () => {
    const { sender, context, answer } = make({ retry: RETRY });
    const consumed = outcome(sender.consume(spans(2)));
    await answer({ kind: "permanent", message: "too strange" });
    const error = await consumed;
    expect(error).toBeInstanceOf(ConsumeError);
    expect(error).toMatchObject({ permanent: true, message: "too strange" });
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(2);
    expect(context.logger.messages("error")).toEqual(["sending failed, data was refused"]);
  });

  test("hands an overload with its delay to the sender where retries are off", async () => {
    const { sender, answer } = make();
    const consumed = outcome(sender.consume(spans(1)));
    await answer({ kind: "retryable", message: "busy", overloaded: true, retryAfterMs: 7000 });
    expect(await consumed).toMatchObject({ permanent: false, reason: "overload", retryAfterMs: 7000 });
  });

  test("an exporter that throws loses the one payload, says so with its stack, and goes on", async () => {
    const context = testContext("file");
    let calls = 0;
    const sender = new Sender(context, { timeoutMs: 1, queue: undefined, retry: RETRY }, async () => {
      if (calls++ === 0) throw new TypeError("x is not a function");
      return SENT;
    });
    expect(await outcome(sender.consume(spans(1)))).toMatchObject({ permanent: true });
    expect(await outcome(sender.consume(spans(1)))).toBe("resolved");
    const bug = context.logger.lines.find((line) => line.message === "exporter failed unexpectedly");
    expect(bug?.fields["stack"]).toContain("sender.test.ts");
  });
});

describe("retries", () => {
  test("wait 5 s, 7.5 s, 11.25 s and end at the first success", async () => {
    const { sender, context, attempts, answer } = make({ retry: RETRY });
    const consumed = outcome(sender.consume(spans(1)));
    for (const delayMs of [5000, 7500, 11_250]) {
      await answer(UNAVAILABLE);
      const before = attempts.length;
      await context.clock.advance(delayMs - 1);
      expect(attempts.length).toBe(before);
      await context.clock.advance(1);
      expect(attempts.length).toBe(before + 1);
    }
    await answer(SENT);
    expect(await consumed).toBe("resolved");
    expect(context.metrics.value("podflame_exporter_retries")).toBe(3);
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(0);
  });

  test("obey a delay that the receiving end dictates where it is the longer one", async () => {
    const { sender, context, attempts, answer } = make({ retry: RETRY });
    const consumed = outcome(sender.consume(spans(1)));
    await answer({ ...UNAVAILABLE, retryAfterMs: 60_000 });
    await context.clock.advance(59_999);
    expect(attempts.length).toBe(1);
    await context.clock.advance(1);
    expect(attempts.length).toBe(2);
    await answer(SENT);
    expect(await consumed).toBe("resolved");
  });

  test("end when the next one would come after max_elapsed_time", async () => {
    const { sender, context, answer } = make({ retry: { ...RETRY, maxElapsedMs: 12_000 } });
    const consumed = outcome(sender.consume(spans(1)));
    await answer(UNAVAILABLE);
    await context.clock.advance(5000);
    await answer(UNAVAILABLE);
    expect(await consumed).toMatchObject({ permanent: false, message: "no retries left after 5000 ms: nobody there" });
  });

  test("never end with max_elapsed_time 0", async () => {
    const { sender, context, attempts, answer } = make({ retry: { ...RETRY, maxElapsedMs: 0 } });
    const consumed = outcome(sender.consume(spans(1)));
    for (let attempt = 1; attempt <= 50; attempt++) {
      expect(attempts.length).toBe(attempt);
      await answer(UNAVAILABLE);
      await context.clock.advance(30_000);
    }
    await answer(SENT);
    expect(await consumed).toBe("resolved");
  });

  test("are told once an interval, not once each", async () => {
    const { sender, context, answer } = make({ retry: { ...RETRY, maxIntervalMs: 100, initialIntervalMs: 100 } });
    const consumed = outcome(sender.consume(spans(1)));
    for (let attempt = 0; attempt < 50; attempt++) {
      await answer(UNAVAILABLE);
      await context.clock.advance(100);
    }
    await answer(SENT);
    await consumed;
    expect(context.logger.messages("warn")).toEqual(["sending failed, will retry"]);
    await context.clock.advance(10_000);
    const lines = context.logger.lines.filter((line) => line.level === "warn");
    expect(lines.map((line) => line.fields["requests"])).toEqual([1, 49]);
  });
});

describe("partial success", () => {
  test("is counted, told and never retried", async () => {
    const { sender, context, attempts, answer } = make({ retry: RETRY });
    const consumed = outcome(sender.consume(spans(5)));
    await answer({ kind: "sent", partial: { rejected: 2, message: "spans from the future" } });
    expect(await consumed).toBe("resolved");
    expect(attempts.length).toBe(1);
    const labels = { exporter: "otlp_grpc/out", signal: "traces" };
    expect(context.metrics.value("podflame_exporter_partial_success_rejected", labels)).toBe(2);
    const told = context.logger.lines.find((line) => line.level === "warn");
    expect(told).toMatchObject({
      message: "receiving end refused a part of a request",
      fields: { answer: "spans from the future", items: 2 },
    });
  });
});

describe("with a queue", () => {
  test("resolves when the payload was accepted, and holds its bytes until they were sent", async () => {
    const { sender, context, attempts, answer } = make({ queue: QUEUE });
    const payload = new Payload("traces", context.buffers.copyOf(spans(1).bytes), INTERNAL_ORIGIN);
    expect(await outcome(sender.consume(payload))).toBe("resolved");
    payload.release();
    expect(context.buffers.stats.leased).toBe(1);
    expect(attempts.length).toBe(1);
    await answer(SENT);
    expect(context.buffers.stats.leased).toBe(0);
    expect(context.metrics.value("otelcol_exporter_queue_size")).toBe(0);
    expect(context.metrics.value("podflame_exporter_queue_bytes")).toBe(0);
  });

  test("sends as many at a time as there are consumers, the oldest first", async () => {
    const { sender, attempts, answer } = make({ queue: { ...QUEUE, capacity: 10, consumers: 2 } });
    const payloads = [spans(1), spans(2), spans(3), spans(4)];
    for (const payload of payloads) await sender.consume(payload);
    expect(attempts).toEqual(payloads.slice(0, 2));
    await answer(SENT);
    expect(attempts).toEqual(payloads.slice(0, 3));
    await answer(SENT);
    expect(attempts).toEqual(payloads);
  });

  test("refuses with overload when it is full, what is being sent included, and takes again when there is room", async () => {
    const { sender, context, answer } = make({ queue: QUEUE });
    await sender.consume(spans(1));
    await sender.consume(spans(1));
    const error = await outcome(sender.consume(spans(4)));
    expect(error).toMatchObject({ permanent: false, reason: "overload", retryAfterMs: 1000 });
    expect(context.metrics.value("otelcol_exporter_enqueue_failed_spans")).toBe(4);
    expect(context.metrics.value("otelcol_exporter_queue_size")).toBe(2);
    expect(context.metrics.value("otelcol_exporter_queue_capacity")).toBe(2);
    await answer(SENT);
    expect(await outcome(sender.consume(spans(1)))).toBe("resolved");
  });

  test.each([
    ["items", { capacity: 10 }, [6, 4], 1],
    ["bytes", { capacity: spans(3).bytes.length + spans(2).bytes.length }, [3, 2], 1],
  ] as const)("is measured in %s", async (sizer, { capacity }, fit, tooMuch) => {
    const { sender } = make({ queue: { ...QUEUE, sizer, capacity } });
    for (const count of fit) expect(await outcome(sender.consume(spans(count)))).toBe("resolved");
    expect(await outcome(sender.consume(spans(tooMuch)))).toMatchObject({ reason: "overload" });
  });

  test("never holds more bytes than max_bytes, whatever the sizer says", async () => {
    const size = spans(100).bytes.length;
    const { sender, context } = make({ queue: { ...QUEUE, capacity: 1000, maxBytes: 2 * (size + 512) } });
    for (const expected of ["resolved", "resolved"]) expect(await outcome(sender.consume(spans(100)))).toBe(expected);
    expect(await outcome(sender.consume(spans(100)))).toMatchObject({ reason: "overload" });
    expect(context.metrics.value("podflame_exporter_queue_bytes")).toBe(2 * (size + 512));
  });

  test("refuses for ever what is larger than the whole queue", async () => {
    const { sender } = make({ queue: { ...QUEUE, sizer: "items", capacity: 10 } });
    expect(await outcome(sender.consume(spans(11)))).toMatchObject({ permanent: true });
  });

  test("counts and tells what was dropped after its retries, once for many", async () => {
    const { sender, context, answer } = make({ queue: { ...QUEUE, capacity: 100 } });
    for (let index = 0; index < 20; index++) await sender.consume(spans(2));
    for (let index = 0; index < 20; index++) await answer({ kind: "permanent", message: "not authorized" });
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(40);
    await context.clock.advance(10_000);
    const lines = context.logger.lines.filter((line) => line.level === "error");
    expect(lines.map((line) => [line.message, line.fields["requests"], line.fields["items"]])).toEqual([
      ["sending failed, data is lost", 1, 2],
      ["sending failed, data is lost", 19, 38],
    ]);
    expect(lines[0]!.fields).toMatchObject({ reason: "not authorized", unit: "spans" });
  });
});

describe("block_on_overflow", () => {
  const queue = { ...QUEUE, capacity: 1, blockOnOverflow: true };

  test("lets senders wait for room, in their order", async () => {
    const { sender, context, attempts, answer } = make({ queue });
    await sender.consume(spans(1));
    const order: number[] = [];
    const second = sender.consume(spans(2)).then(() => order.push(2));
    const third = sender.consume(spans(3)).then(() => order.push(3));
    await context.clock.advance(0);
    expect(order).toEqual([]);
    await answer(SENT);
    expect(order).toEqual([2]);
    await answer(SENT);
    await Promise.all([second, third]);
    expect(order).toEqual([2, 3]);
    expect(attempts.map((payload) => payload.items)).toEqual([1, 2, 3]);
  });

  test("tells those who wait when the process ends", async () => {
    const { sender, context, answer } = make({ queue });
    await sender.consume(spans(1));
    const blocked = outcome(sender.consume(spans(2)));
    await context.clock.advance(0);
    const stopped = sender.shutdown(NEVER);
    expect(await blocked).toMatchObject({ permanent: false, reason: "unavailable" });
    await answer(SENT);
    await stopped;
  });
});

describe("wait_for_result", () => {
  test("settles with the delivery, not with the acceptance", async () => {
    const { sender, context, answer } = make({ queue: { ...QUEUE, waitForResult: true } });
    let settled = 0;
    const first = outcome(sender.consume(spans(1))).finally(() => settled++);
    const second = outcome(sender.consume(spans(1))).finally(() => settled++);
    await context.clock.advance(0);
    expect(settled).toBe(0);
    await answer(SENT);
    expect(await first).toBe("resolved");
    await answer({ kind: "permanent", message: "no" });
    expect(await second).toMatchObject({ permanent: true });
    expect(context.metrics.value("otelcol_exporter_enqueue_failed_spans")).toBe(0);
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(1);
  });
});

describe("shutdown", () => {
  test("sends what is queued and takes nothing new", async () => {
    const { sender, context, attempts, answer } = make({ queue: QUEUE, retry: RETRY });
    await sender.consume(spans(1));
    await sender.consume(spans(2));
    const stopped = sender.shutdown(NEVER);
    expect(await outcome(sender.consume(spans(1)))).toMatchObject({ permanent: false, reason: "unavailable" });
    await answer(SENT);
    await answer(SENT);
    await stopped;
    expect(attempts.length).toBe(2);
    expect(context.metrics.value("otelcol_exporter_sent_spans")).toBe(3);
  });

  test("interrupts a back-off with one last attempt", async () => {
    const { sender, context, attempts, answer } = make({ queue: QUEUE, retry: RETRY });
    await sender.consume(spans(1));
    await answer(UNAVAILABLE);
    expect(attempts.length).toBe(1);
    const stopped = sender.shutdown(NEVER);
    await context.clock.advance(0);
    expect(attempts.length).toBe(2);
    await answer(UNAVAILABLE);
    await stopped;
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(1);
    expect(context.clock.pending).toBe(0);
  });

  test("gives up at its deadline, and counts and tells what was not delivered", async () => {
    const { sender, context, attempts } = make({ queue: { ...QUEUE, capacity: 10 } });
    for (let index = 0; index < 4; index++) await sender.consume(spans(5));
    const deadline = new AbortController();
    const stopped = sender.shutdown(deadline.signal);
    deadline.abort();
    await stopped;
    expect(attempts.length).toBe(1);
    expect(context.metrics.value("otelcol_exporter_send_failed_spans")).toBe(20);
    const lost = context.logger.lines.filter((line) => line.level === "error");
    expect(lost.reduce((sum, line) => sum + (line.fields["items"] as number), 0)).toBe(20);
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("may be called twice, the second time with less patience", async () => {
    const { sender, attempts } = make({ queue: QUEUE });
    await sender.consume(spans(1));
    const first = sender.shutdown(NEVER);
    const second = sender.shutdown(AbortSignal.abort());
    await Promise.all([first, second]);
    expect(attempts.length).toBe(1);
  });
});
