import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { ScriptedApiServer } from "../fixtures/scripted-api-server.ts";
import { askAccess } from "./access-review.ts";
import type { ApiClient } from "./api-client.ts";
import { HttpApiClient } from "./http-api-client.ts";

const QUESTION = { verb: "list", apiGroup: "apps", resource: "replicasets", namespace: "shop", name: undefined };

let server: ScriptedApiServer;
let client: ApiClient;

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  client = new HttpApiClient(
    {
      server: new URL(server.url),
      certificateAuthority: server.ca,
      insecureSkipVerify: false,
      tlsServerName: undefined,
      proxy: undefined,
      credentials: { current: () => Promise.resolve({}), refused: () => undefined } as never,
      headers: {},
      namespace: undefined,
    },
    { qps: 100, burst: 100, userAgent: "test" },
    { clock: new ManualClock(), metrics: new MetricRegistry(), logger: silentLogger },
  );
});

afterEach(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
  expect(server.problems).toEqual([]);
});

const answer = (body: string, headers: Readonly<Record<string, string>> = {}): void =>
  server.script({ reply: { status: 201, headers: { "content-type": "application/json", ...headers }, body } });

test("says what the server's authorizers say", async () => {
  answer('{"status":{"allowed":true,"reason":"RBAC: allowed by ClusterRoleBinding"}}');
  expect(await askAccess(client, QUESTION)).toEqual({ allowed: true, reason: "RBAC: allowed by ClusterRoleBinding" });
  answer('{"status":{"allowed":false}}');
  expect(await askAccess(client, QUESTION)).toEqual({ allowed: false, reason: "" });
});

test.each(["null", "{}", '{"status":{"allowed":"yes"}}', "<html>", '{"status":'])(
  "takes %j for no answer",
  async (body) => {
    answer(body);
    await expect(askAccess(client, QUESTION)).rejects.toThrow(/review of rights has no answer|is no JSON/);
  },
);

test("reads no more than an object has", async () => {
  answer(" ".repeat(9 << 20));
  await expect(askAccess(client, QUESTION)).rejects.toThrow("longer than 8388608 bytes");
});

test("tells the server's clock", async () => {
  answer("{}", { date: "Sun, 22 Nov 2026 12:00:00 GMT" });
  const response = await client.post({ path: "/" }, {});
  response.body.destroy();
  expect(response.serverTimeMs).toBe(Date.parse("2026-11-22T12:00:00Z"));
});
