import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CriConnection, Selection } from "#kubernetes";
import { MetricRegistry, systemClock } from "#telemetry";
import { Writer } from "#wire";
import { RecordingLogger } from "../../collector/testing/context.ts";
import { ScriptedApiServer, type Reply } from "../../kubernetes/fixtures/scripted-api-server.ts";
import { IdentityHub, type IdentityHandle } from "../identity-hub.ts";
import { LIVE } from "../records.ts";
import { type IdentitySources, sourcesOpener } from "./open-sources.ts";

const NO_KEYS = { label: () => false, annotation: () => false };

interface Opened {
  readonly handle: IdentityHandle;
  readonly logger: RecordingLogger;
}

/** A directory that is fed from these sources, for somebody who would watch pods at `server`, or at nobody's. */
async function opened(
  sources: IdentitySources,
  server?: ScriptedApiServer,
  selection: Selection = {},
): Promise<Opened> {
  const logger = new RecordingLogger();
  const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger };
  const hub = new IdentityHub({ telemetry, open: sourcesOpener(sources) });
  const env = server && { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: server.port };
  const handle = hub.join({
    source: { kind: "api", client: { authType: "none", env: env ?? {} }, selection },
    keys: NO_KEYS,
    keysName: "none",
    graceMs: 120_000,
  });
  onTestFinished(() => hub.shutdown());
  await handle.start();
  return { handle, logger };
}

const podJson = (name: string, namespace = "shop"): object => ({
  kind: "Pod",
  metadata: { uid: `${name}-uid`, name, namespace },
});
const list = (...items: readonly object[]): string =>
  JSON.stringify({ kind: "PodList", metadata: { resourceVersion: "1" }, items });
const json = (body: string): Reply => ({ headers: { "content-type": "application/json" }, body });
const held: Reply = { headers: { "content-type": "application/json" }, ending: "hold" };

/** A runtime with one pod, or one that doesn't answer. */
function runtime(name?: string, namespace = "shop"): NonNullable<IdentitySources["cri"]> {
  const writer = new Writer();
  if (name !== undefined) {
    writer.open(1);
    writer.string(1, "box");
    writer.open(2);
    writer.string(1, name);
    writer.string(2, `${name}-uid`);
    writer.string(3, namespace);
    writer.close();
    writer.close();
  }
  const sandboxes = Buffer.from(writer.finish());
  const connection: CriConnection = {
    call: (method) => {
      if (name === undefined) return Promise.reject(new Error("the runtime is gone"));
      return Promise.resolve(method.endsWith("ListPodSandbox") ? sandboxes : new Uint8Array(0));
    },
    follow: () => Promise.resolve(Object.assign(new Error("no such method"), { code: "grpc_12" })),
    close: () => Promise.resolve(),
  };
  return { socket: "/run/fake.sock", intervalMs: 600_000, connect: () => connection };
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "podflame-sources-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const nameOf = (handle: IdentityHandle, uid: string): string | undefined =>
  handle.view.directory.findUidText(uid)?.pod.name;

describe("one source that fails", () => {
  test("leaves the others: no API server, but a runtime", async () => {
    const { handle, logger } = await opened({ sources: ["api", "cri"], nodeName: "node-1", cri: runtime("cart") });
    expect(await handle.waitForSync(10_000)).toMatchObject({ synced: true });
    expect(handle.view.directory.findUidText("cart-uid")?.pod).toMatchObject({ name: "cart", nodeName: "node-1" });
    expect(handle.state()).toMatchObject({
      synced: true,
      lastError: expect.stringContaining("KUBERNETES_SERVICE_HOST") as string,
      parts: [
        { from: "the Kubernetes API", synced: false },
        { from: "the container runtime at /run/fake.sock", synced: true, lastError: undefined },
      ],
    });
    expect(logger.messages("warn")).toEqual(["cannot follow a source of pods, going on with the others"]);
  });

  test("leaves the others: no runtime, but an API server", async () => {
    await using server = await ScriptedApiServer.start();
    server.script({ reply: json(list(podJson("cart"))) }, { reply: held });
    const { handle } = await opened({ sources: ["api", "cri"], nodeName: "", cri: runtime() }, server);
    expect(await handle.waitForSync(10_000)).toMatchObject({ synced: true });
    expect(nameOf(handle, "cart-uid")).toBe("cart");
    await expect.poll(() => handle.state().lastError, { interval: 1 }).toBe("the runtime is gone");
  });

  test("is no source at all when it's the only one", async () => {
    const starting = opened({ sources: ["api"], nodeName: "" });
    await expect(starting).rejects.toThrow("KUBERNETES_SERVICE_HOST");
  });
});

describe("a processor's filter", () => {
  test("by namespace holds for all sources", async () => {
    const { handle } = await opened({ sources: ["cri"], nodeName: "", cri: runtime("cart", "other") }, undefined, {
      namespace: "shop",
    });
    expect(await handle.waitForSync(10_000)).toMatchObject({ synced: true });
    expect(handle.view.directory.size).toBe(0);
  });

  test("by labels is asked of the API server alone", async () => {
    await using server = await ScriptedApiServer.start();
    server.script({ reply: json(list(podJson("picked"))) }, { reply: held });
    const { handle, logger } = await opened({ sources: ["api", "cri"], nodeName: "", cri: runtime("cart") }, server, {
      labelSelector: "app=picked",
      fieldSelector: "spec.nodeName=node-1",
    });
    await handle.waitForSync(10_000);
    expect([nameOf(handle, "picked-uid"), nameOf(handle, "cart-uid")]).toEqual(["picked", undefined]);
    expect(logger.lines).toMatchObject([{ level: "warn", fields: { without: ["cri"] } }]);
  });

  test("by labels picks nobody where the API server is no source, which is said", async () => {
    const { handle, logger } = await opened({ sources: ["cri"], nodeName: "", cri: runtime("cart") }, undefined, {
      labelSelector: "app=picked",
    });
    await handle.waitForSync(10_000);
    expect(nameOf(handle, "cart-uid")).toBe("cart");
    expect(logger.messages("warn")).toEqual([
      "filter.labels and filter.fields are the API server's, which is no source: they pick no pods",
    ]);
  });
});

describe("a file", () => {
  test("is read again when it changes, and stays known while it's broken", async () => {
    const path = join(folder(), "pods.json");
    writeFileSync(path, list(podJson("cart")));
    const { handle } = await opened({ sources: ["file"], nodeName: "", file: { path, intervalMs: 1_000 } });
    expect(await handle.waitForSync(10_000)).toMatchObject({ synced: true });
    expect(nameOf(handle, "cart-uid")).toBe("cart");
    const isLive = (): boolean => handle.view.directory.findUidText("cart-uid")?.goneSinceMs === LIVE;

    writeFileSync(path, "{");
    handle.refresh();
    await expect.poll(() => handle.state().lastError, { interval: 5 }).toMatch(/pods\.json: the list is not JSON/);
    expect(isLive()).toBe(true);
    writeFileSync(path, list(podJson("till")));
    await expect.poll(() => nameOf(handle, "till-uid"), { interval: 5 }).toBe("till");
    expect(isLive()).toBe(false);
  });
});

describe("a snapshot", () => {
  const snapshotIn = (directory: string): Pick<IdentitySources, "snapshot"> => ({
    snapshot: { directory, intervalMs: 60_000, maxBytes: 1 << 20 },
  });

  test("names pods from the start, until the API server has told all", async () => {
    const directory = folder();
    const source = { kind: "api", client: { authType: "none", env: {} }, selection: {} } as const;
    const sources: IdentitySources = { sources: ["api", "cri"], nodeName: "", ...snapshotIn(directory) };
    const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: new RecordingLogger() };
    const needs = { source, keys: NO_KEYS, keysName: "none", graceMs: 120_000 };
    const first = new IdentityHub({ telemetry, open: sourcesOpener({ ...sources, cri: runtime("cart") }) });
    const before = first.join(needs);
    await before.start();
    await before.waitForSync(10_000);
    await first.shutdown();

    // After the restart nobody answers.
    const second = new IdentityHub({ telemetry, open: sourcesOpener({ ...sources, cri: runtime() }) });
    onTestFinished(() => second.shutdown());
    const after = second.join(needs);
    await after.start();
    expect(after.view.directory.findUidText("cart-uid")).toMatchObject({ goneSinceMs: LIVE, pod: { name: "cart" } });
    expect(after.view.directory.isSynced).toBe(false);
  });

  test("knows the namespaces and owners of its pods as well", async () => {
    const directory = folder();
    const path = join(directory, "pods.json");
    const namespace = { kind: "Namespace", metadata: { uid: "shop-uid", name: "shop", labels: { team: "blue" } } };
    writeFileSync(path, list(podJson("cart"), namespace));
    const keys = { label: () => true, annotation: () => false };
    const start = async (): Promise<IdentityHandle> => {
      const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: new RecordingLogger() };
      const file = { path, intervalMs: 60_000 };
      const sources: IdentitySources = { sources: ["file"], nodeName: "", file, ...snapshotIn(directory) };
      const hub = new IdentityHub({ telemetry, open: sourcesOpener(sources) });
      onTestFinished(() => hub.shutdown());
      const handle = hub.join({
        source: { kind: "api", client: { authType: "none", env: {} }, selection: {} },
        keys,
        objects: new Map([["Namespace", { keys }]]),
        keysName: "all",
        graceMs: 120_000,
      });
      await handle.start();
      return handle;
    };
    const before = await start();
    await before.waitForSync(10_000);
    await before.shutdown();
    rmSync(path);
    const after = await start();
    expect(nameOf(after, "cart-uid")).toBe("cart");
    expect(after.view.object("Namespace", "shop")?.object?.labels.get("team")).toBe("blue");
    expect(after.view.directory.findUidText("cart-uid")?.related("Namespace")?.object?.uid).toBe("shop-uid");
  });

  test("is superseded by the first list: what isn't in it goes, after its time of grace", async () => {
    const directory = folder();
    const cri = runtime("cart");
    const first = await opened({ sources: ["cri"], nodeName: "", cri, ...snapshotIn(directory) });
    await first.handle.waitForSync(10_000);
    await first.handle.shutdown();
    const second = await opened({ sources: ["cri"], nodeName: "", cri: runtime("till"), ...snapshotIn(directory) });
    expect(nameOf(second.handle, "cart-uid")).toBe("cart");
    await second.handle.waitForSync(10_000);
    const { directory: known } = second.handle.view;
    expect(known.findUidText("cart-uid")?.goneSinceMs).not.toBe(LIVE);
    expect(known.findUidText("till-uid")?.goneSinceMs).toBe(LIVE);
  });
});
