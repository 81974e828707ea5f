import { describe, expect, test } from "vitest";
import type { Signal } from "#otlp";
import { BufferPool } from "#wire";
import { ManualClock } from "#telemetry";
import type { Consumer } from "../component.ts";
import { loadConfiguration } from "../config/load.ts";
import { ConsumeError } from "../errors.ts";
import { RecordingLogger, testPayload } from "../testing/context.ts";
import { FakeWorld } from "../testing/fake-components.ts";
import { Service, StartError } from "./service.ts";
import { SERVICE_STATUS } from "./status.ts";

const YAML = `
receivers: {otlp: , otlp/second: }
processors: {k8s_attributes: , batch: }
exporters: {debug: , debug/second: }
extensions: {health_check: , health_check/second: }
service:
  telemetry: {metrics: {level: none}}
  extensions: [health_check, health_check/second]
  pipelines:
    traces: {receivers: [otlp, otlp/second], processors: [k8s_attributes, batch], exporters: [debug, debug/second]}
    logs: {receivers: [otlp], exporters: [debug]}
    logs/2: {receivers: [otlp], processors: [batch], exporters: [debug/second]}
`;

interface Rig {
  readonly world: FakeWorld;
  readonly service: Service;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly fatal: Error[];
}

async function rig(yaml = YAML): Promise<Rig> {
  const world = new FakeWorld();
  const { configuration } = await loadConfiguration({ configs: [`yaml:${yaml}`] }, world.catalog);
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const fatal: Error[] = [];
  const parts = { logger, clock, buffers: new BufferPool(), onFatal: (error: Error) => void fatal.push(error) };
  return { world, service: new Service(configuration, parts), clock, logger, fatal };
}

function intake({ world }: Rig, id: string, signal: Signal): Consumer {
  const consumer = world.intake.get(id)?.[signal];
  if (!consumer) throw new Error(`receiver ${id} has no consumer of ${signal}`);
  return consumer;
}

async function consume(consumer: Consumer, signal: Signal): Promise<void> {
  const payload = testPayload(signal, new Uint8Array([1, 2, 3]));
  try {
    await consumer.consume(payload);
  } finally {
    payload.release();
  }
}

const refusal = (consumed: Promise<void>): Promise<ConsumeError> =>
  consumed.then(
    () => Promise.reject(new Error("was taken")),
    (caught: unknown) => caught as ConsumeError,
  );

describe("a service", () => {
  test("starts what is further down first, and ends intake first", async () => {
    const { world, service } = await rig();
    await service.start();
    expect(world.events.splice(0)).toEqual([
      "start extension health_check",
      "start extension health_check/second",
      "start exporter debug",
      "start exporter debug/second",
      "start processor batch",
      "start processor batch",
      "start processor k8s_attributes",
      "start receiver otlp",
      "start receiver otlp/second",
    ]);
    expect(await service.shutdown(1000)).toEqual({ unfinished: [], undelivered: 0, lostItems: 0 });
    expect(world.events).toEqual([
      "shutdown receiver otlp",
      "shutdown receiver otlp/second",
      "shutdown processor k8s_attributes",
      "shutdown processor batch",
      "shutdown processor batch",
      "shutdown exporter debug",
      "shutdown exporter debug/second",
      "shutdown extension health_check/second",
      "shutdown extension health_check",
    ]);
  });

  test("gives each receiver a consumer for every signal that its pipelines want, and no other", async () => {
    const { world } = await rig();
    expect(Object.keys(world.intake.get("otlp")!).sort()).toEqual(["logs", "traces"]);
    expect(Object.keys(world.intake.get("otlp/second")!)).toEqual(["traces"]);
  });

  test("lets a payload flow through processors in order to all exporters", async () => {
    const set = await rig();
    await consume(intake(set, "otlp/second", "traces"), "traces");
    expect(set.world.events).toEqual([
      "consume processor k8s_attributes traces",
      "consume processor batch traces",
      "consume exporter debug traces",
      "consume exporter debug/second traces",
    ]);
  });

  test("gives a payload to all pipelines of its receiver", async () => {
    const set = await rig();
    await consume(intake(set, "otlp", "logs"), "logs");
    expect(set.world.events.toSorted()).toEqual([
      "consume exporter debug logs",
      "consume exporter debug/second logs",
      "consume processor batch logs",
    ]);
  });

  test("stops what was started when something else fails to start, and says what it was", async () => {
    const { world, service } = await rig();
    world.failToStart.set("k8s_attributes", new Error("no kubeconfig at /root/.kube/config"));
    await expect(service.start()).rejects.toThrow(
      new StartError(
        "processor k8s_attributes of pipeline traces can't start: no kubeconfig at /root/.kube/config",
        {},
      ),
    );
    expect(world.events.filter((event) => event.startsWith("shutdown"))).toEqual([
      "shutdown processor k8s_attributes",
      "shutdown processor batch",
      "shutdown processor batch",
      "shutdown exporter debug/second",
      "shutdown exporter debug",
      "shutdown extension health_check/second",
      "shutdown extension health_check",
    ]);
  });

  test("tells its components whether it is ready", async () => {
    const { world, service, clock } = await rig();
    const { host } = world.contexts.get("extension health_check")!;
    const status = host.service(SERVICE_STATUS, () => ({ state: "starting" as const, readySinceMs: undefined }));
    expect(status.state).toBe("starting");
    await service.start();
    expect(status).toMatchObject({ state: "ready", readySinceMs: clock.nowMs() });
    await service.shutdown(1000);
    expect(status.state).toBe("stopping");
  });

  test("shares services among components, and ends them after the last of them", async () => {
    const { world, service } = await rig();
    const key = { name: "directory" };
    const make = (): object => ({ shutdown: async () => void world.events.push("shutdown directory") });
    const first = world.contexts.get("exporter debug")!.host.service(key, make);
    expect(world.contexts.get("receiver otlp")!.host.service(key, make)).toBe(first);
    await service.start();
    await service.shutdown(1000);
    expect(world.events.at(-1)).toBe("shutdown directory");
  });

  test("hands on what a component can't live with", async () => {
    const { world, fatal } = await rig();
    const lost = new Error("listener lost");
    world.contexts.get("receiver otlp")!.host.reportFatal(lost);
    expect(fatal).toEqual([lost]);
  });
});

describe("a shutdown", () => {
  test("tells components at the deadline to give up, leaves behind who doesn't, and says so", async () => {
    const { world, service, clock, logger } = await rig();
    const gaveUp: string[] = [];
    world.onShutdown = (who, deadline) => {
      if (who === "exporter debug") return new Promise(() => undefined);
      if (who !== "exporter debug/second") return undefined;
      return new Promise((resolve) => {
        deadline.addEventListener("abort", () => {
          gaveUp.push(who);
          resolve();
        });
      });
    };
    await service.start();
    const ended = service.shutdown(5000);
    await clock.advance(4999);
    expect(gaveUp).toEqual([]);
    await clock.advance(1);
    expect(gaveUp).toEqual(["exporter debug/second"]);
    await clock.advance(1000);
    expect(await ended).toEqual({ unfinished: ["exporter debug"], undelivered: 0, lostItems: 0 });
    expect(logger.messages("error")).toEqual(["exporter debug didn't end in time and is left behind"]);
    expect(world.events.at(-1)).toBe("shutdown extension health_check");
    expect(clock.pending).toBe(0);
  });

  test("counts requests that an exporter never answered", async () => {
    const set = await rig();
    set.world.onConsume = (who) => (who === "exporter debug" ? new Promise(() => undefined) : undefined);
    await set.service.start();
    void consume(intake(set, "otlp", "logs"), "logs");
    void consume(intake(set, "otlp", "logs"), "logs");
    expect(await set.service.shutdown(1000)).toEqual({ unfinished: [], undelivered: 2, lostItems: 0 });
    expect(set.logger.lines.at(-1)).toMatchObject({ level: "warn", fields: { requests: 2 } });
  });

  test("tells how much exporters gave up meanwhile", async () => {
    const { world, service } = await rig();
    const failed = service.metrics.counter("otelcol_exporter_send_failed_spans", { help: "" }, { exporter: "debug" });
    failed.add(1000);
    world.onShutdown = (who) => {
      if (who === "exporter debug") failed.add(7);
    };
    await service.start();
    expect(await service.shutdown(1000)).toEqual({ unfinished: [], undelivered: 0, lostItems: 7 });
  });

  test("goes on when a component fails to end", async () => {
    const { world, service } = await rig();
    world.onShutdown = (who) => {
      if (who === "receiver otlp") throw new TypeError("x is not a function");
    };
    await service.start();
    expect(await service.shutdown(1000)).toEqual({ unfinished: ["receiver otlp"], undelivered: 0, lostItems: 0 });
    expect(world.events).toHaveLength(18);
  });
});

describe("a refusal", () => {
  test("of one exporter reaches the sender after all exporters got the payload", async () => {
    const set = await rig();
    const overload = ConsumeError.overload("queue full", 5000);
    set.world.onConsume = (who) => {
      if (who === "exporter debug") throw overload;
    };
    expect(await refusal(consume(intake(set, "otlp", "traces"), "traces"))).toBe(overload);
    expect(set.world.events).toContain("consume exporter debug/second traces");
  });

  test("is retryable if that can help with one exporter, with the longest delay that was asked for", async () => {
    const set = await rig();
    set.world.onConsume = (who) => {
      if (who === "exporter debug") throw ConsumeError.permanent("too old");
      if (who === "exporter debug/second") throw ConsumeError.overload("queue full", 5000);
    };
    const error = await refusal(consume(intake(set, "otlp", "traces"), "traces"));
    expect(error).toMatchObject({ permanent: false, retryAfterMs: 5000, reason: "overload" });
    expect(error.message).toBe("too old; queue full");
  });

  test("is permanent if all refuse for good", async () => {
    const set = await rig();
    set.world.onConsume = (who) => {
      if (who.startsWith("exporter")) throw ConsumeError.permanent("too old");
    };
    expect(await refusal(consume(intake(set, "otlp", "traces"), "traces"))).toMatchObject({ permanent: true });
  });
});

describe("a bug in a component", () => {
  test("is counted, logged with its stack now and then, and answered with 'try again'", async () => {
    const set = await rig();
    set.world.onConsume = (who) => {
      if (who === "processor batch") throw new TypeError("undefined is not iterable");
    };
    const error = await refusal(consume(intake(set, "otlp", "traces"), "traces"));
    expect(error).toBeInstanceOf(ConsumeError);
    expect(error).toMatchObject({ permanent: false, message: "processor batch failed unexpectedly" });
    await refusal(consume(intake(set, "otlp", "traces"), "traces"));
    expect(set.service.metrics.value("podflame_component_bugs", { kind: "processor", component: "batch" })).toBe(2);
    const logged = set.logger.lines.filter((line) => line.level === "error");
    expect(logged).toHaveLength(1);
    expect(logged[0]!.fields["stack"]).toContain("TypeError: undefined is not iterable");
    await set.clock.advance(10_000);
    await refusal(consume(intake(set, "otlp", "traces"), "traces"));
    expect(set.logger.messages("error")).toHaveLength(2);
  });
});
