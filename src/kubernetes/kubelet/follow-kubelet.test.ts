import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { RecordingSink } from "../fixtures/recording-sink.ts";
import { type Reply, ScriptedApiServer } from "../fixtures/scripted-api-server.ts";
import type { PodObject } from "../objects.ts";
import type { Polling } from "../polling/pod-poller.ts";
import { followKubelet } from "./follow-kubelet.ts";
import { kubeletUrl } from "./kubelet-client.ts";
import type { KubeletSettings } from "./kubelet-settings.ts";

const ID = "a".repeat(64);
const list = (...names: readonly string[]): string =>
  JSON.stringify({
    kind: "PodList",
    apiVersion: "v1",
    metadata: {},
    items: names.map((name) => ({
      metadata: { uid: `${name}-uid`, name, namespace: "shop", labels: { app: name, other: "x" } },
      spec: { nodeName: "node-1", containers: [{ name: "main", image: "app:1" }] },
      status: { podIP: "10.0.0.7", containerStatuses: [{ name: "main", containerID: `containerd://${ID}` }] },
    })),
  });
const json = (body: string, more: Partial<Reply> = {}): Reply => ({
  headers: { "content-type": "application/json" },
  body,
  ...more,
});

interface Followed {
  readonly polling: Polling;
  readonly sink: RecordingSink<PodObject>;
  readonly metrics: MetricRegistry;
  readonly folder: string;
}

/** Follows the scripted kubelet with a token file. The clock is the machine's, quickened: a second is ten milliseconds. */
function followed(server: ScriptedApiServer, settings: Partial<KubeletSettings> = {}, timeoutMs = 10_000): Followed {
  const folder = mkdtempSync(join(tmpdir(), "podflame-kubelet-"));
  const [tokenFile, caFile] = [join(folder, "token"), join(folder, "ca.crt")];
  writeFileSync(tokenFile, "first\n");
  writeFileSync(caFile, server.ca);
  const metrics = new MetricRegistry();
  const clock = {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() * 100,
    timer: (ms: number, fire: () => void) => systemClock.timer(ms / 100, fire),
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  };
  const sink = new RecordingSink<PodObject>();
  const endpoint = `127.0.0.1:${server.port}`;
  const polling = followKubelet({
    kubelet: { endpoint, authType: "serviceAccount", tokenFile, caFile, ...settings },
    intervalMs: 1_000,
    keys: { label: (key) => key === "app", annotation: () => false },
    sink,
    telemetry: { clock, metrics, logger: silentLogger },
    timeoutMs,
  });
  onTestFinished(async () => {
    await polling.stop();
    rmSync(folder, { recursive: true });
  });
  return { polling, sink, metrics, folder };
}

test("pods are those of /pods, asked for with the service account's token", async () => {
  await using server = await ScriptedApiServer.start();
  server.script({ expect: { path: "/pods", authorization: "Bearer first" }, reply: json(list("cart")) });
  const { sink, polling } = followed(server);
  await sink.until(({ known }) => known.size === 1);
  expect(sink.known.get("cart-uid")).toMatchObject({
    name: "cart",
    namespace: "shop",
    nodeName: "node-1",
    podIps: ["10.0.0.7"],
    labels: new Map([["app", "cart"]]),
    containers: [{ name: "main", image: "app:1", containerId: `containerd://${ID}` }],
  });
  expect(polling.state()).toMatchObject({ synced: true, lastError: undefined });
});

test("a token that was rotated is read again when the kubelet refuses the old one", async () => {
  await using server = await ScriptedApiServer.start();
  const { sink, folder } = followed(server);
  writeFileSync(join(folder, "token"), "second\n");
  server.script(
    { reply: { status: 401, body: "Unauthorized" } },
    { expect: { authorization: "Bearer second" }, reply: json(list("cart")) },
  );
  await sink.until(({ known }) => known.size === 1);
});

/** What a kubelet may answer, and what is said of it. */
const FAILURES: readonly (readonly [what: string, reply: Reply, result: string, error: RegExp])[] = [
  ["garbage", json("\u0000\u0001<html>"), "format", /not JSON, or cut off/],
  ["half a document", json(list("cart").slice(0, 200)), "format", /not JSON, or cut off/],
  ["a broken connection", json(list("cart").slice(0, 200), { ending: "cut" }), "ECONNRESET", /aborted/],
  ["another kind of object", json('{"kind":"NodeList","items":[]}'), "format", /expected a PodList, got "NodeList"/],
  ["500", { status: 500, body: "oops" }, "500", /500/],
  ["403", { status: 403, body: "Forbidden" }, "credentials", /allow the service account get on nodes\/pods/],
  ["silence", json("", { ending: "hold" }), "ETIMEDOUT", /no whole answer within 5 s/],
];

test.each(FAILURES)(
  "%s is a failure that is told, changes nothing, and is got over",
  async (_what, reply, result, error) => {
    await using server = await ScriptedApiServer.start();
    // Fifty real milliseconds; where silence isn't what is tested, a busy machine may take longer.
    const { sink, polling, metrics } = followed(server, {}, result === "ETIMEDOUT" ? 5_000 : 1_000_000);
    server.script({ reply: json(list("cart")) }, { reply });
    await server.whenAsked(2);
    await expect.poll(() => polling.state().lastError, { interval: 1 }).toMatch(error);
    expect([...sink.known.keys()]).toEqual(["cart-uid"]);
    expect(metrics.render()).toContain(`podflame_k8s_polls_total{result="${result}",source="kubelet"} 1`);
    server.script({ reply: json(list("cart", "till")) });
    await sink.until(({ known }) => known.size === 2);
    expect(polling.state().lastError).toBeUndefined();
  },
);

test("a kubelet that is gone and comes back is followed again", async () => {
  const first = await ScriptedApiServer.start();
  first.script({ reply: json(list("cart")) });
  const { sink, polling } = followed(first, { insecureSkipVerify: true });
  await sink.until(({ known }) => known.size === 1);
  await first[Symbol.asyncDispose]();
  await expect.poll(() => polling.state().lastError, { interval: 1 }).toMatch(/ECONNREFUSED|hang up/);
  expect(sink.known.size).toBe(1);
});

test("a kubelet whose certificate nobody vouches for is refused", async () => {
  await using server = await ScriptedApiServer.start();
  await using other = await ScriptedApiServer.start();
  const { polling, folder } = followed(server, { caFile: "/dev/null" });
  writeFileSync(join(folder, "ca.crt"), other.ca);
  await expect.poll(() => polling.state().lastError, { interval: 1 }).toMatch(/self-signed|unable to/);
  expect(server.asked).toEqual([]);
});

test("a missing token is a failure that says what to do", async () => {
  await using server = await ScriptedApiServer.start();
  const { polling } = followed(server, { tokenFile: "/nowhere/token" });
  await expect
    .poll(() => polling.state().lastError, { interval: 1 })
    .toMatch(/\/nowhere\/token: cannot read the token; .*token_file/);
});

test.each([
  ["10.0.0.1", "https://10.0.0.1:10250/"],
  ["https://node-1:10251", "https://node-1:10251/"],
  ["[fd00::1]:10250", "https://[fd00::1]:10250/"],
])("the address %s is %s", (endpoint, url) => {
  expect(kubeletUrl(endpoint).href).toBe(url);
});

test.each(["", "http://node:10255", "node:10250/pods", "node:x"])("%j is no address of a kubelet", (endpoint) => {
  expect(() => kubeletUrl(endpoint)).toThrow("is no address of a kubelet");
});
