import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { hostKey } from "#collector";
import { IdentityHub } from "#identity";
import { NAMED_STORES_SERVICE, NamedStores, type ProfileStore, StoreError } from "#store";
import { TestHost, testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { storeExporterConfig } from "./config.ts";
import { storeExporterFactory } from "./index.ts";
import { StoreExporter } from "./store-exporter.ts";

const TESTDATA = join(import.meta.dirname, "../../../../testdata");
const CAPTURE = readFileSync(join(TESTDATA, "captures/ebpf-20hz-grpc.binpb"));
const PODS = join(TESTDATA, "captures/pods.json");
const NEVER = new AbortController().signal;
const ALWAYS = { from: 0, to: 4e12 };
const STORES = hostKey<NamedStores>(NAMED_STORES_SERVICE);
const IDENTITY = hostKey<IdentityHub>("identity");

const folder = mkdtempSync(join(tmpdir(), "podflame-store-"));
afterAll(() => rmSync(folder, { recursive: true }));
let folders = 0;
const freshFolder = (): string => join(folder, String(folders++));

lifecycleSuite(storeExporterFactory, [
  { name: "with defaults", config: { directory: freshFolder() } },
  { name: "with fsync", config: { directory: freshFolder(), durability: "fsync" } },
]);

interface Rig {
  readonly exporter: StoreExporter;
  readonly context: TestContext;
  readonly store: ProfileStore;
}

async function started(directory = freshFolder(), host = new TestHost()): Promise<Rig> {
  const read = storeExporterConfig.parse({ directory });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("store", { host });
  // The capture's times are the store's now.
  await context.clock.advance(Date.UTC(2026, 10, 22, 13, 36) - context.clock.nowMs());
  const exporter = new StoreExporter(context, read.config);
  await exporter.start();
  onTestFinished(async () => {
    await exporter.shutdown(NEVER);
    await host.close();
  });
  return { exporter, context, store: host.service(STORES, () => new NamedStores()).find("store")! };
}

/** Has the pods of a file known in this process, as a processor would. */
async function podsKnown(context: TestContext, host: TestHost): Promise<void> {
  const hub = host.service(IDENTITY, () => new IdentityHub({ telemetry: context.telemetry }));
  const handle = hub.join({
    source: { kind: "file", path: PODS },
    keys: { label: () => false, annotation: () => false },
    keysName: "none",
    graceMs: 0,
  });
  onTestFinished(() => handle.shutdown());
  await handle.start();
  await handle.waitForSync(5000);
  await context.clock.advance(1000);
}

function problemsOf(input: object): string {
  return JSON.stringify(storeExporterConfig.parse({ directory: "d", ...input }));
}

describe("the exporter", () => {
  test("keeps what it takes, and finds it again after a restart", async () => {
    const directory = freshFolder();
    const first = await started(directory);
    await first.exporter.consume(testPayload("profiles", CAPTURE));
    expect(first.context.metrics.value("podflame_store_samples")).toBe(94);
    await first.exporter.shutdown(NEVER);
    const { store } = await started(directory);
    expect(await store.resolve([], ALWAYS)).toHaveLength(3);
  });

  test("offers the store under its id while it is open", async () => {
    const host = new TestHost();
    const { exporter } = await started(undefined, host);
    const stores = host.service(STORES, () => new NamedStores());
    expect(stores.names).toEqual(["store"]);
    await exporter.shutdown(NEVER);
    expect(stores.names).toEqual([]);
  });

  test("has the process's directories name what was stored before they knew", async () => {
    const host = new TestHost();
    const { store, exporter, context } = await started(undefined, host);
    await exporter.consume(testPayload("profiles", CAPTURE));
    const pods = async (): Promise<string[]> =>
      (await store.resolve([], ALWAYS)).map(({ labels }) => labels.get("pod") ?? "").sort();
    expect(await pods()).toEqual(["", "", ""]);
    await podsKnown(context, host);
    await expect
      .poll(pods)
      .toEqual(["orders-5d8f9c7b4d-k2m8w", "pricing-7c9d5b8f6-x4jqz", "storefront-6b7f8d9c55-t9v6c"]);
    const [pricing] = await store.resolve([{ name: "container", op: "=", value: "pricing" }], ALWAYS);
    expect(Object.fromEntries(pricing!.labels)).toMatchObject({
      namespace: "checkout",
      workload_kind: "Deployment",
      workload_name: "pricing",
      revision: "7c9d5b8f6",
      k8s_container_restart_count: "1",
      named: "true",
    });
  });

  test("tells the store again what is still true, so that it doesn't grow old there", async () => {
    const host = new TestHost();
    const { store, context } = await started(undefined, host);
    await podsKnown(context, host);
    const told: string[] = [];
    store.recordIdentity = (entries) => {
      told.push(...entries.map(({ key }) => key.kind));
      return Promise.resolve();
    };
    await context.clock.advance(6 * 60 * 60 * 1000);
    await context.clock.advance(1000);
    await expect.poll(() => told.filter((kind) => kind === "k8s.pod.uid")).toHaveLength(5);
  });

  test("says once that the history of names has no room, and doesn't try the same again", async () => {
    const host = new TestHost();
    const { store, context } = await started(undefined, host);
    let calls = 0;
    store.recordIdentity = () => {
      calls++;
      return Promise.reject(new StoreError("limit", "the history is full"));
    };
    await podsKnown(context, host);
    await expect.poll(() => context.logger.messages("warn")).toEqual(["not all names can be remembered"]);
    await context.clock.advance(60_000);
    expect(calls).toBe(1);
  });

  test("refuses what is no request of profiles for good", async () => {
    const { exporter } = await started();
    await expect(exporter.consume(testPayload("profiles", Uint8Array.of(0x0a, 0x7f)))).rejects.toMatchObject({
      permanent: true,
    });
  });

  test.each([
    ["overloaded", { permanent: false, reason: "overload", retryAfterMs: 1000 }],
    ["unavailable", { permanent: false, reason: "unavailable", retryAfterMs: 1000 }],
    ["corrupt", { permanent: false, reason: "unavailable" }],
    ["limit", { permanent: true }],
    ["invalid", { permanent: true }],
  ] as const)("tells senders of a store that says %s whether to try again", async (kind, expected) => {
    const { exporter, store } = await started();
    store.append = () => Promise.reject(new StoreError(kind, "because"));
    const refused = exporter.consume(testPayload("profiles", CAPTURE));
    await expect(refused).rejects.toMatchObject({ ...expected, message: expect.stringContaining("because") as string });
  });

  test("counts and tells of samples that the store refused, and takes the rest", async () => {
    const { exporter, store, context } = await started();
    const rejected = new Map([["series_limit", 4]]);
    store.append = () => Promise.resolve({ samples: 90, rejected });
    await exporter.consume(testPayload("profiles", CAPTURE));
    const labels = { exporter: "store", reason: "series_limit" };
    expect(context.metrics.value("podflame_store_rejected_samples", labels)).toBe(4);
    expect(context.logger.messages("warn")).toEqual(["the store refused samples of a request, and kept the rest"]);
  });

  test("says who has the folder when another process does", async () => {
    const directory = freshFolder();
    await started(directory);
    await expect(started(directory)).rejects.toThrow(directory);
  });
});

describe("the configuration", () => {
  test("takes all keys, and leaves to the store what isn't written", () => {
    expect(storeExporterConfig.parse({ directory: "d" })).toEqual({
      config: {
        settings: { directory: "d", retention: {}, limits: {}, series: {} },
        podLabels: ["app", "app.kubernetes.io/*", "team", "version"],
        podAnnotations: [],
      },
    });
    expect(
      storeExporterConfig.parse({
        directory: "d",
        durability: "fsync",
        fsync_interval: "200ms",
        raw_retention: "1h",
        retention: { "10s": { age: "24h", bytes: 1e9 }, "60s": { age: "48h" }, "5m": { bytes: 5 }, bytes: 2e9 },
        limits: { series: 5, query_memory_mib: 128, query_timeout: "5s" },
      }),
    ).toMatchObject({
      config: {
        settings: {
          durability: "fsync",
          fsyncIntervalMs: 200,
          retention: {
            rawMs: 3_600_000,
            fineMs: 86_400_000,
            fineBytes: 1e9,
            minutesMs: 172_800_000,
            coarseBytes: 5,
            totalBytes: 2e9,
          },
          limits: { engineBytes: 128 * 1024 * 1024, queryMs: 5000 },
          series: { series: 5 },
        },
      },
    });
  });

  test.each<[string, object, string]>([
    ["no folder", { directory: "" }, "must not be empty"],
    [
      "a coarser tier that ends before a finer one",
      { retention: { "60s": { age: "12h" } } },
      '["retention","60s","age"]',
    ],
    ["raw samples for longer than their tier", { raw_retention: "100h" }, '["raw_retention"]'],
    ["a store smaller than its journal", { retention: { bytes: 1e6 } }, '["retention","bytes"]'],
    ["a queue", { sending_queue: {} }, "the store's journal is the queue"],
    ["a pattern with a star in the middle", { pod_labels: ["a*b"] }, "the beginning of one"],
    ["another word for durability", { durability: "maybe" }, "fsync"],
  ])("refuses %s", (_, input, problem) => {
    const problems = problemsOf(input);
    expect(problems).toContain("problems");
    expect(problems).toContain(problem);
  });
});
