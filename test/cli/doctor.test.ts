import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { folderWith, Podflame, podflame, type StartOptions } from "./podflame.ts";

interface Listed {
  readonly topic: string;
  readonly what: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy?: string;
}

const REST = `
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
service:
  telemetry: { metrics: { level: none } }
  pipelines: {profiles: {receivers: [otlp], processors: [k8s_attributes], exporters: [debug]}}
`;

/** What doctor says of a configuration with that processor. */
async function doctor(
  processor: string,
  options: StartOptions = {},
): Promise<{ readonly code: number | null; readonly checks: readonly Listed[] }> {
  const cwd = await folderWith({
    "c.yaml": `${REST}processors:\n  k8s_attributes: ${processor}\n`,
    "pods.json": '{"kind":"List","items":[]}',
  });
  const { code, stdout, stderr } = await podflame(["doctor", "--config", "c.yaml", "--json"], { ...options, cwd });
  expect(stderr).toBe("");
  return { code, checks: JSON.parse(stdout) as Listed[] };
}

const wrong = (checks: readonly Listed[]): readonly Listed[] => checks.filter(({ state }) => state !== "ok");

describe("podflame doctor", () => {
  test("has nothing to say against a configuration that asks nobody", async () => {
    const { code, checks } = await doctor("{ passthrough: true }");
    expect(wrong(checks)).toEqual([]);
    expect(checks.map(({ topic }) => topic)).toEqual(["configuration", "association"]);
    expect(code).toBe(0);
  });

  test("tells what is wrong with a configuration, where it stands and what to do", async () => {
    const { code, checks } = await doctor("{ passthrough: true, extract: { metadata: [k8s.pod.nam] } }");
    expect(wrong(checks)).toMatchObject([
      {
        topic: "configuration",
        state: "problem",
        what: "c.yaml:8:62: processors::k8s_attributes::extract::metadata::0",
        detail: expect.stringContaining('"k8s.pod.nam" can\'t be extracted') as string,
      },
    ]);
    expect(code).toBe(1);
  });

  test("is for people without --json", async () => {
    const cwd = await folderWith({ "c.yaml": `${REST}processors: {k8s_attributes: {passthrough: true}}` });
    const { code, stdout } = await podflame(["doctor", "--config", "c.yaml"], { cwd });
    expect(stdout).toBe(`configuration
  ok       c.yaml  valid: profiles
association
  ok       processors::k8s_attributes  passes on what comes: no pod is named (passthrough)

Nothing is wrong.
`);
    expect(code).toBe(0);
  });

  test("says that the file with the pods isn't there", async () => {
    const { code, checks } = await doctor("{ identity_file: nothing.json }");
    expect(wrong(checks)).toMatchObject([
      {
        topic: "configuration",
        what: "processors::k8s_attributes::identity_file",
        state: "problem",
        detail: expect.stringContaining("nothing.json") as string,
      },
    ]);
    expect(code).toBe(1);
  });

  test.each([
    ["unset", {}, "is not set"],
    ["empty", { NODE_OF_THIS_POD: "" }, "is empty"],
  ])("says that the variable with the node's name is %s, and goes on", async (_, env, detail) => {
    const { code, checks } = await doctor("{ filter: { node_from_env_var: NODE_OF_THIS_POD } }", {
      env: { ...env, KUBERNETES_SERVICE_HOST: "", KUBERNETES_SERVICE_PORT: "" },
    });
    expect(wrong(checks)).toMatchObject([
      { topic: "node", detail: `the environment variable NODE_OF_THIS_POD ${detail}` },
      { topic: "api", what: "credentials of processors::k8s_attributes" },
    ]);
    expect(code).toBe(1);
  });

  test("says that an API server can't be reached, and how it tried", async () => {
    const [port] = await freePorts(1);
    const { code, checks } = await doctor("{ auth_type: none }", {
      env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) },
    });
    expect(wrong(checks)).toMatchObject([
      {
        topic: "api",
        what: `https://127.0.0.1:${port}`,
        detail: expect.stringContaining("ECONNREFUSED") as string,
        remedy: expect.stringContaining("the server runs") as string,
      },
    ]);
    expect(code).toBe(2);
  });
});

describe("association rules", () => {
  const of = async (
    rules: string,
    more = "",
  ): Promise<{ readonly code: number | null; readonly said: readonly Listed[] }> => {
    const file = "identity_file: pods.json";
    const { code, checks } = await doctor(
      `{ ${file}, extract: { metadata: [k8s.pod.name] }, pod_association: ${rules}${more} }`,
    );
    return { code, said: checks.filter(({ topic }) => topic === "association") };
  };

  test("that no pod can match are problems", async () => {
    const { code, said } = await of("[{ sources: [{ from: resource_attribute, name: my.pod }] }]");
    expect(said).toMatchObject([
      {
        state: "problem",
        detail: 'pod_association[0] can never match: no pod is known by "my.pod"',
        remedy: "extract it from a label",
      },
    ]);
    expect(code).toBe(1);
  });

  test("behind one that ends the search before them are problems", async () => {
    const uid = "{ from: resource_attribute, name: k8s.pod.uid }";
    const both = `[{ sources: [${uid}] }, { sources: [{ from: resource_attribute, name: k8s.pod.ip }, ${uid}] }]`;
    const { said } = await of(both, ", pod_association_on_miss: stop");
    expect(said).toMatchObject([{ state: "problem", detail: /^pod_association\[1\] can never match/ }].map(matching));
    expect((await of(both)).said).toMatchObject([{ state: "ok", detail: "2 rules that can match" }]);
  });

  test("by container id without a container's attribute work here, and not in the Collector", async () => {
    const { code, said } = await of("[{ sources: [{ from: resource_attribute, name: container.id }] }]");
    expect(said).toMatchObject(
      [
        { state: "note", detail: /the Collector would name none of them/, remedy: /add k8s\.container\.name/ },
        { state: "ok", detail: "1 rule that can match" },
      ].map(matching),
    );
    expect(code).toBe(0);
  });

  test("by the connection alone name an agent's profiles after the agent", async () => {
    const { said } = await of("[{ sources: [{ from: connection }] }]");
    expect(said[0]).toMatchObject({ state: "note", remedy: "add a rule for container.id" });
  });
});

/** Regular expressions in it as what strings must match. */
function matching(expected: Readonly<Record<string, string | RegExp>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(expected).map(([key, value]) => [
      key,
      value instanceof RegExp ? (expect.stringMatching(value) as unknown) : value,
    ]),
  );
}

describe("a collector that runs", () => {
  const POD = {
    metadata: { name: "web", namespace: "shop", uid: "5f0e6e0a-54b0-4c0f-9c6f-0a1c8a1f4d11" },
    spec: { containers: [{ name: "app", image: "app:1" }] },
    status: { containerStatuses: [{ name: "app", containerID: `containerd://${"a".repeat(64)}`, restartCount: 0 }] },
  };

  test("is asked for what it couldn't name, and why", async () => {
    const [http, metrics] = await freePorts(2);
    const cwd = await folderWith({
      "pods.json": JSON.stringify({ kind: "List", items: [{ apiVersion: "v1", kind: "Pod", ...POD }] }),
      "c.yaml": `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
processors:
  k8s_attributes:
    identity_file: pods.json
    pod_association: [{ sources: [{ from: resource_attribute, name: container.id }] }]
exporters: {debug: }
service:
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines: {logs: {receivers: [otlp], processors: [k8s_attributes], exporters: [debug]}}
`,
    });
    const ask = async (): Promise<readonly Listed[]> => {
      const { stdout } = await podflame(["doctor", "--config", "c.yaml", "--json"], { cwd });
      return (JSON.parse(stdout) as Listed[]).filter(({ topic }) => topic === "collector");
    };
    expect(await ask()).toMatchObject([{ state: "ok", detail: "no collector runs there that could be asked" }]);
    const collector = new Podflame(["run", "--config", "c.yaml"], { cwd });
    await collector.shows("stderr", /everything is running|started|ready/i);
    expect(await ask()).toMatchObject([{ state: "ok", detail: "runs; no resource came yet that could be named" }]);
    const resource = (attributes: Record<string, string>): object => ({
      resource: {
        attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
      },
      scopeLogs: [{ logRecords: [{ body: { stringValue: "x" } }] }],
    });
    const send = async (...resources: object[]): Promise<void> => {
      const response = await fetch(`http://127.0.0.1:${http}/v1/logs`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ resourceLogs: resources }),
      });
      expect(response.status).toBe(200);
    };
    await send(resource({}), resource({}), resource({ "container.id": "b".repeat(64) }));
    expect(await ask()).toMatchObject([
      { state: "problem", detail: "runs, but named 0 of 3 resources" },
      { state: "note", what: "reason no_identifier", detail: "2 resources not named" },
      { state: "note", what: "reason never_seen", detail: "1 resource not named" },
      {
        what: "no key",
        detail: expect.stringMatching(/^no_identifier; 2 resources of logs for k8s_attributes/) as string,
      },
      {
        what: `container.id=${"b".repeat(64)}`,
        detail: expect.stringMatching(/^never_seen; 1 resource of logs for k8s_attributes, the last 20/) as string,
      },
    ]);
    await send(resource({ "container.id": "a".repeat(64) }));
    expect((await ask())[0]).toMatchObject({ state: "ok", detail: "runs; named 1 of 4 resources" });
  });

  test("is not taken for one of ours because something answers", async () => {
    const server = createServer((_, response) => void response.end("go_goroutines 5\n"));
    await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { stdout } = await podflame([
      "doctor",
      "--json",
      "--config",
      `yaml:${REST}processors: {k8s_attributes: {passthrough: true}}`,
      "--set",
      `service::telemetry::metrics::level=normal`,
      "--set",
      `service::telemetry::metrics::address=127.0.0.1:${port}`,
    ]);
    expect((JSON.parse(stdout) as Listed[]).at(-1)).toMatchObject({
      state: "note",
      detail: "what answers there is not podflame",
    });
  });
});
