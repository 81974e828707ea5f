import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedApiServer } from "../../kubernetes/fixtures/scripted-api-server.ts";
import { apiChecks } from "./api-checks.ts";
import type { Check } from "./check.ts";

let folder: string;
let server: ScriptedApiServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "podflame-doctor-"));
  server = await ScriptedApiServer.start();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  expect(server.problems).toEqual([]);
});

/** What is said of a server that gives its version, then what `script` adds. */
async function checksOf(headers: Readonly<Record<string, string>>, ...answers: readonly string[]): Promise<Check[]> {
  const json = { "content-type": "application/json" };
  server.script(
    { expect: { path: "/version" }, reply: { headers: { ...json, ...headers }, body: '{"gitVersion":"v1.35.4"}' } },
    ...answers.map((body) => ({ reply: { status: 201, headers: json, body } })),
  );
  const path = join(folder, "config");
  const cluster = { server: server.url, "certificate-authority-data": Buffer.from(server.ca).toString("base64") };
  await writeFile(
    path,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user: { token: "t" } }],
    }),
  );
  const client = { authType: "kubeConfig", kubeConfigPath: path } as const;
  const source = { kind: "api", client, selection: {} } as const;
  const rule = { apiGroup: "", resource: "pods", verbs: ["list"], namespace: undefined, resourceNames: undefined };
  return apiChecks({ client, users: [{ component: "processors::x", source, rules: [rule] }], rules: [rule] }, "c.yaml");
}

const ALICE = '{"status":{"userInfo":{"username":"alice"}}}';

test.each([
  [3_600_000, "behind"],
  [-3_600_000, "ahead of"],
])("a clock that is an hour off (%d ms) is a problem", async (offsetMs, word) => {
  const date = new Date(Date.now() + offsetMs).toUTCString();
  const checks = await checksOf({ date }, ALICE, '{"status":{"allowed":true}}');
  expect(checks[1]).toMatchObject({ what: "clock", state: "problem" });
  expect(checks[1]!.detail).toMatch(new RegExp(`^(?:3599|3600|3601) s ${word} the server's$`));
  expect(checks.at(-1)).toMatchObject({ topic: "rights", state: "ok" });
});

test("a right that can't be asked for is not called missing", async () => {
  const checks = await checksOf({}, ALICE, "<html>");
  expect(checks.at(-1)).toMatchObject({ topic: "rights", state: "note" });
  expect(checks.at(-1)!.detail).toMatch(/^can't be asked for: .*no JSON/);
});

test("a server that doesn't say as whom it takes one is content", async () => {
  const checks = await checksOf({}, "{}", '{"status":{"allowed":false}}');
  expect(checks.slice(2)).toMatchObject([
    { state: "ok", detail: "the server doesn't tell as whom" },
    { state: "problem", detail: "this user may not list, which processors::x needs" },
  ]);
});
