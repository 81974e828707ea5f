import { connect, createServer } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { folderWith, Podflame, podflame } from "./podflame.ts";

interface Ports {
  readonly http: number;
  readonly health: number;
  readonly metrics: number;
}

function yaml({ http, health, metrics }: Ports): string {
  return `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {live_table: }
extensions: {health_check: {endpoint: "127.0.0.1:${health}"}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metrics}"}}
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], exporters: [live_table]}}
`;
}

async function ports(): Promise<Ports> {
  const [http, health, metrics] = await freePorts(3);
  return { http: http!, health: health!, metrics: metrics! };
}

async function running(): Promise<{ process: Podflame; ports: Ports; file: string }> {
  const taken = await ports();
  const folder = await folderWith({ "config.yaml": yaml(taken) });
  const file = join(folder, "config.yaml");
  const process = new Podflame(["run", "--config", file]);
  await process.shows("stderr", /everything is ready/);
  return { process, ports: taken, file };
}

async function status(port: number, path = "/"): Promise<number | string> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException).code ?? "failed";
  }
}

describe("podflame run", () => {
  test("takes requests, is healthy, shows its metrics, and drains on SIGTERM", async () => {
    const { process, ports } = await running();
    expect(await status(ports.health)).toBe(200);
    expect(await status(ports.metrics, "/metrics")).toBe(200);
    const sent = await fetch(`http://127.0.0.1:${ports.http}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: new Uint8Array(),
    });
    expect(sent.status).toBe(200);
    process.kill("SIGTERM");
    const { code, stderr } = await process.ended;
    expect(stderr).toContain("stopped; all is delivered");
    expect(code).toBe(0);
  });

  test("ends at once at the second signal", async () => {
    const { process, ports } = await running();
    // A body that never ends keeps the drain waiting.
    const socket = connect(ports.http, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n1",
    );
    await expect.poll(() => status(ports.health)).toBe(200);
    process.kill("SIGTERM");
    await process.shows("stderr", /stopping: intake ends/);
    process.kill("SIGINT");
    const { code, stderr } = await process.ended;
    expect(stderr).toContain("second SIGINT, ending at once");
    expect(code).toBe(1);
  });

  test("gives up at the deadline, and still ends well", async () => {
    const taken = await ports();
    const process = new Podflame(["run", "--config", `yaml:${yaml(taken)}`, "--shutdown-timeout", "100ms"]);
    await process.shows("stderr", /everything is ready/);
    const socket = connect(taken.http, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n1",
    );
    expect(await status(taken.health)).toBe(200);
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(0);
  });

  test("says what could not be delivered", async () => {
    const [http, closed] = await freePorts(2);
    const process = new Podflame([
      "run",
      "--config",
      `yaml:
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {otlp: {endpoint: "127.0.0.1:${closed}", tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}
`,
    ]);
    await process.shows("stderr", /everything is ready/);
    const sent = await fetch(`http://127.0.0.1:${http}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"}]}]}]}',
    });
    expect(sent.status).toBe(200);
    await process.shows("stderr", /sending failed, will retry/);
    process.kill("SIGTERM");
    const { code, stderr } = await process.ended;
    expect(stderr).toMatch(/"lost_items":2,"msg":"stopped; not all could be delivered"/);
    expect(code).toBe(0);
  });

  test("reloads a changed file and at SIGHUP, if it's valid", async () => {
    const { process, ports: before, file } = await running();
    await writeFile(file, "receivers: {otlp: }\nservice: {pipelines: {tracs: {}}}\n");
    await process.shows("stderr", /did you mean ..traces[^]*the new configuration is not valid/);
    expect(await status(before.health)).toBe(200);
    const after = await ports();
    await writeFile(file, yaml(after));
    await process.shows("stderr", /the new configuration is in effect/);
    expect(await status(after.health)).toBe(200);
    expect(await status(before.health)).toBe("ECONNREFUSED");
    process.kill("SIGHUP");
    await process.shows("stderr", /"why":"SIGHUP"[^]*the new configuration is in effect/);
    process.kill("SIGINT");
    expect((await process.ended).code).toBe(0);
  });

  test("names all problems with their places, and ends with 1", async () => {
    const folder = await folderWith({
      "bad.yaml": "receivers:\n  otlp:\n    protcols: {}\nservice:\n  pipelines:\n    traces: {receivers: [otlp]}\n",
    });
    const { code, stdout, stderr } = await podflame(["run", "--config", "bad.yaml"], { cwd: folder });
    expect(stderr.trimEnd().split("\n")).toEqual([
      "bad.yaml:2:3: receivers::otlp::protocols: is missing: expected a map of keys and values",
      'bad.yaml:3:5: receivers::otlp::protcols: unknown key "protcols"; did you mean "protocols"?',
      "bad.yaml:6:5: service::pipelines::traces::exporters: must have at least one exporter",
    ]);
    expect(stdout).toBe("");
    expect(code).toBe(1);
  });

  test("ends with 3 when an error was caught by nobody, and shows where it came from", async () => {
    const bug = "setInterval(()=>{if(process.listenerCount('SIGTERM'))throw(new(Error)('boom'))},50)";
    const { code, stderr } = await new Podflame(["run", "--config", `yaml:${yaml(await ports())}`], {
      env: { PODFLAME_NODE_OPTIONS: `--import data:text/javascript,${bug}` },
    }).ended;
    expect(stderr).toMatch(/bug: an error that nobody caught|this is a bug in podflame/);
    expect(stderr).toContain("Error: boom");
    expect(code).toBe(3);
  });

  test("says which port is taken, and ends with 1", async () => {
    const taken = await ports();
    const holder = createServer().listen(taken.http, "127.0.0.1");
    onTestFinished(() => void holder.close());
    const { code, stderr } = await podflame(["run", "--config", `yaml:${yaml(taken)}`]);
    expect(stderr).toMatch(new RegExp(`podflame: receiver otlp can't start: .*127\\.0\\.0\\.1:${taken.http}`));
    expect(code).toBe(1);
  });

  test("takes --set and --feature-gates as the Collector does", async () => {
    const taken = await ports();
    const flags =
      "--set service.telemetry.logs.level=debug --set=service::telemetry::metrics::level=none " +
      "--feature-gates=+service.profilesSupport,-some.otherGate --feature-gates one.more";
    const process = new Podflame(["run", "--config", `yaml:${yaml(taken)}`, ...flags.split(" ")]);
    await process.shows("stderr", /feature gate one\.more is not known here/);
    expect(process.stderr).toContain("feature gate some.otherGate is not known here");
    expect(process.stderr).not.toContain("service.profilesSupport");
    expect(await status(taken.metrics, "/metrics")).toBe("ECONNREFUSED");
  });

  test.each([
    [["run"], /needs a configuration: podflame run --config FILE/],
    [["run", "--config", "/nowhere.yaml"], /\/nowhere\.yaml: there is no such file/],
    [["run", "--confg", "x"], /unknown option '--confg'[^]*--config/],
    [["run", "--config", "x", "--shutdown-timeout", "soon"], /expected a duration such as "30s"/],
    [["run", "--config", "x", "--feature-gates", "a b"], /"a b" is no id/],
    [["rnu"], /unknown command 'rnu'/],
  ])("refuses %j with 1", async (args, message) => {
    const { code, stderr } = await podflame(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});
