import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Host, HostKey } from "#collector";
import { INTERNAL_ORIGIN, Payload } from "#otlp";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { BufferPool, MessageBuffer } from "#wire";
import { k8sAttributesProcessorFactory } from "./index.ts";
import { decodeAttributes } from "./processor-fixture.ts";

const captures = fileURLToPath(new URL("../../../../testdata/captures/", import.meta.url));

/** A host with nothing but services, which it ends with `shutdown`. */
class TestHost implements Host {
  readonly services = new Map<string, { shutdown?(deadline: AbortSignal): Promise<void> }>();

  service<T>(key: HostKey<T>, create: () => T & { shutdown?(deadline: AbortSignal): Promise<void> }): T {
    if (!this.services.has(key.name)) this.services.set(key.name, create());
    return this.services.get(key.name) as T;
  }

  reportFatal(error: Error): void {
    throw error;
  }
}

test("the captured requests are named from the recorded list of pods", async () => {
  const host = new TestHost();
  const metrics = new MetricRegistry();
  const buffers = new BufferPool();
  const parsed = k8sAttributesProcessorFactory.config.parse({
    identity_file: `${captures}pods.json`,
    extract: {
      metadata: ["k8s.namespace.name", "k8s.pod.name", "k8s.deployment.name", "k8s.container.name", "service.name"],
      otel_annotations: true,
    },
  });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  let named: Record<string, unknown>[] = [];
  const processor = k8sAttributesProcessorFactory.create(
    {
      id: { type: "k8s_attributes", name: "", text: "k8sattributes" },
      telemetry: { clock: systemClock, metrics, logger: silentLogger },
      buffers,
      host,
    },
    parsed.config,
    "profiles",
    { consume: (payload) => Promise.resolve(void (named = decodeAttributes("profiles", payload.bytes))) },
  );
  await processor.start();
  for (const file of ["ebpf-20hz-grpc.binpb", "ebpf-20hz-grpc-v0.164.binpb"]) {
    const payload = new Payload("profiles", MessageBuffer.copyOf(readFileSync(captures + file)), INTERNAL_ORIGIN);
    await processor.consume(payload);
    payload.release();
    const keys = ["k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "service.name", "team"];
    expect(
      named
        .map((attributes) => keys.map((key) => attributes[key]))
        .sort(([, a], [, b]) => String(a).localeCompare(String(b))),
    ).toEqual([
      ["checkout", "orders-5d8f9c7b4d-k2m8w", "orders", "orders", "checkout"],
      ["checkout", "pricing-7c9d5b8f6-x4jqz", "pricing", "pricing", undefined],
      ["web", "storefront-6b7f8d9c55-t9v6c", "storefront", "storefront", undefined],
    ]);
  }
  expect(metrics.value("otelcol_processor_incoming_items")).toBe(98);
  // The edited copies went back.
  expect(buffers.stats.leased).toBe(0);
  await processor.shutdown(AbortSignal.timeout(1_000));
});

test("a file that isn't there fails the start with its path", async () => {
  const parsed = k8sAttributesProcessorFactory.config.parse({ identity_file: "/nowhere/pods.json" });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  const processor = k8sAttributesProcessorFactory.create(
    {
      id: { type: "k8s_attributes", name: "", text: "k8s_attributes" },
      telemetry: { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger },
      buffers: new BufferPool(),
      host: new TestHost(),
    },
    parsed.config,
    "traces",
    { consume: () => Promise.resolve() },
  );
  await expect(processor.start()).rejects.toThrow("/nowhere/pods.json");
  await processor.shutdown(AbortSignal.timeout(1_000));
});
