import { createServer } from "node:http";
import { get } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { hostKey } from "#collector";
import { MemoryStore, NAMED_STORES_SERVICE, NamedStores } from "#store";
import { UnresolvedKeys } from "#identity";
import { ManualClock } from "#telemetry";
import { TestHost, testContext } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { uiConfig, type UiConfig } from "./config.ts";
import { uiExtensionFactory } from "./index.ts";
import { explainUnnamed } from "./unnamed.ts";
import { UiExtension } from "./ui-extension.ts";

lifecycleSuite(uiExtensionFactory, [{ name: "on any port", config: { endpoint: "127.0.0.1:0" } }]);

function configOf(input: object): UiConfig {
  const read = uiConfig.parse({ endpoint: "127.0.0.1:0", ...input });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  return read.config;
}

async function started(input: object = {}): Promise<{ extension: UiExtension; stores: NamedStores }> {
  const host = new TestHost();
  const stores = host.service(hostKey<NamedStores>(NAMED_STORES_SERVICE), () => new NamedStores());
  const extension = new UiExtension(testContext("ui", { host }), configOf(input));
  await extension.start();
  onTestFinished(() => extension.shutdown());
  return { extension, stores };
}

async function asked(extension: UiExtension, path: string, headers = {}): Promise<{ status: number; body: unknown }> {
  const url = new URL(path, extension.url);
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    }).on("error", reject);
  });
}

describe("the API", () => {
  test("answers about the only store there is, as soon as there is one", async () => {
    const { extension, stores } = await started();
    expect(await asked(extension, "/api/v1/labels")).toMatchObject({
      status: 503,
      body: {
        error: { kind: "unavailable", message: expect.stringContaining("no store is open at the moment") as string },
      },
    });
    const withdraw = stores.offer("store", await MemoryStore.open());
    expect(await asked(extension, "/api/v1/labels")).toEqual({ status: 200, body: { labels: [] } });
    withdraw();
    expect((await asked(extension, "/api/v1/labels")).status).toBe(503);
  });

  test("answers about the store that the configuration names, and asks for one where there are several", async () => {
    const named = await started({ store: "store/b" });
    const unnamed = await started();
    for (const { stores } of [named, unnamed]) {
      stores.offer("store/a", await MemoryStore.open());
      stores.offer("store/b", await MemoryStore.open());
    }
    expect((await asked(named.extension, "/api/v1/labels")).status).toBe(200);
    expect(await asked(unnamed.extension, "/api/v1/labels")).toMatchObject({
      status: 503,
      body: { error: { message: expect.stringContaining("several stores (store/a, store/b)") as string } },
    });
  });

  test("says how the samples come here, with and without a store", async () => {
    const mode = { kind: "recorded", reason: "no BPF", remedy: "be root" };
    const { extension } = await started({ mode });
    expect(await asked(extension, "/api/v1/status")).toMatchObject({
      status: 200,
      body: { mode, visibleUpTo: 0, files: [], damaged: [] },
    });
  });

  test("refuses names that it doesn't go by, unless the configuration has them", async () => {
    const { extension } = await started({ allowed_hosts: ["profiles.example.com"] });
    const status = async (host: string): Promise<number> => (await asked(extension, "/api/v1/status", { host })).status;
    expect(await status("evil.example.com")).toBe(403);
    expect(await status("profiles.example.com")).toBe(200);
  });
});

test("what has no name is explained as the processors noted it, without what they didn't look at", () => {
  const unresolved = new UnresolvedKeys(new ManualClock());
  const place = unresolved.open({
    processor: "k8s_attributes",
    signal: "profiles",
    rules: [["container.id"], ["k8s.pod.ip"]],
    telling: [],
    isKnown: () => false,
  });
  place.note({ names: ["container.id"], values: ["abc"], reason: "gone", arrivalKey: undefined, detail: "5 min ago" });
  place.note({
    names: ["k8s.pod.ip"],
    values: ["10.0.0.1"],
    reason: "ambiguous",
    arrivalKey: undefined,
    detail: undefined,
  });
  const explained = (labels: Record<string, string>) => explainUnnamed(unresolved, new Map(Object.entries(labels)));
  expect(explained({ container_id: "abc", origin: "container" })).toEqual({
    reason: "Its pod or container was gone already when its profiles came. (5 min ago)",
    remedy: expect.stringContaining("pod_delete_grace_period") as string,
  });
  expect(explained({ k8s_pod_ip: "10.0.0.1" })?.reason).toContain("Several pods");
  expect(explained({ container_id: "abd" })).toBeUndefined();
});

describe("the configuration", () => {
  test.each<[string, object, string]>([
    ["an endpoint without port", { endpoint: "localhost" }, 'expected host:port such as "127.0.0.1:4040"'],
    ["a mode that there isn't", { mode: { kind: "dead" } }, "live"],
    ["TLS", { tls: {} }, "put a proxy before it"],
    ["a host with a path", { allowed_hosts: ["a/b"] }, "a host's name without port"],
  ])("refuses %s", (_, input, message) => {
    expect(JSON.stringify(uiConfig.parse(input))).toContain(JSON.stringify(message).slice(1, -1));
  });
});

test("an endpoint that is taken fails the start and is named", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void holder.close());
  await new Promise((resolve) => holder.once("listening", resolve));
  const { port } = holder.address() as AddressInfo;
  const extension = new UiExtension(testContext("ui"), configOf({ endpoint: `127.0.0.1:${port}` }));
  await expect(extension.start()).rejects.toThrow(`endpoint 127.0.0.1:${port} is taken by another process`);
});
