import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { catalog } from "../../src/cli/components.ts";
import { folderWith, podflame, ROOT } from "./podflame.ts";

const VALID = `
receivers: {otlp: {protocols: {grpc: }}}
processors: {k8sattributes: {auth_type: none}}
exporters: {otlphttp: {endpoint: "https://me:pw@backend.example", headers: {authorization: "Bearer \${env:TOKEN}"}}}
service: {pipelines: {profiles: {receivers: [otlp], processors: [k8sattributes], exporters: [otlphttp]}}}
`;

describe("podflame config", () => {
  test("validate says so on standard output", async () => {
    const folder = await folderWith({ "c.yaml": VALID });
    const { code, stdout } = await podflame(["config", "validate", "c.yaml"], { cwd: folder, env: { TOKEN: "x" } });
    expect(stdout).toBe("valid: profiles\n");
    expect(code).toBe(0);
  });

  test("validate warns of what isn't used or set, and is content", async () => {
    const { code, stderr } = await podflame(["config", "validate", `yaml:${VALID}`, "--set", "exporters::debug="]);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "warning: (--config 1, yaml):4:92: exporters::otlphttp::headers::authorization: environment variable TOKEN is not set, taken as empty",
      'warning: (--set exporters::debug):1:1: exporters::debug: exporter "debug" is defined but not named in any pipeline: not started',
    ]);
    expect(code).toBe(0);
  });

  test("print shows what comes out, without credentials", async () => {
    const { code, stdout } = await podflame(["config", "print", `yaml:${VALID}`], { env: { TOKEN: "hunter2" } });
    expect(stdout).toContain('authorization: "[REDACTED]"');
    expect(stdout).toContain("endpoint: https://me:[REDACTED]@backend.example");
    expect(stdout).not.toMatch(/hunter2|pw@/);
    expect(code).toBe(0);
  });

  test("print shows a preset as it was written, and a changed one as it comes out", async () => {
    const preset = readFileSync(join(ROOT, "presets/up.yaml"), "utf8");
    expect((await podflame(["config", "print", "up"])).stdout).toBe(preset);
    const { stdout } = await podflame(["config", "print", "up", "--set", "exporters::store::fsync_interval=5s"]);
    expect(stdout).toMatch(/store:\n(?: {4}.*\n)* {4}fsync_interval: 5s/);
  });

  test("validate keeps the password of a URL to itself when it complains of the URL", async () => {
    const { code, stderr } = await podflame(["config", "validate", `yaml:${VALID.replaceAll("otlphttp", "otlp")}`]);
    expect(stderr).toContain("https://me:[REDACTED]@backend.example");
    expect(stderr).not.toContain("pw@");
    expect(code).toBe(1);
  });

  test.each([
    [["config", "print"], /name a file or a preset \(agent, gateway, replay, up\)/],
    [["config", "validate", "nothing.yaml"], /nothing\.yaml: there is no such file/],
    [["config", "valdate"], /unknown command 'valdate'/],
  ])("refuses %j with 1", async (args, message) => {
    const { code, stderr } = await podflame(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});

describe("podflame components", () => {
  test("lists all of them, for people and for scripts", async () => {
    const { code, stdout } = await podflame(["components", "--json"]);
    const listed = JSON.parse(stdout) as { kind: string; type: string; aliases: string[]; stability: object }[];
    expect(listed.map(({ kind, type }) => `${kind} ${type}`)).toEqual(
      catalog.entries.map(({ kind, type }) => `${kind} ${type}`),
    );
    expect(listed.find(({ type }) => type === "k8s_attributes")).toMatchObject({
      aliases: ["k8sattributes"],
      stability: { profiles: expect.any(String) as string },
    });
    expect(code).toBe(0);
    expect((await podflame(["components"])).stdout).toMatch(/^processor +k8s_attributes, k8sattributes /m);
  });

  test("have factories that agree with the list that names them", async () => {
    for (const entry of catalog.entries) {
      const factory = await catalog.load(entry.kind, entry);
      expect(factory.aliases ?? [], entry.type).toEqual(entry.aliases ?? []);
    }
  });
});

describe("podflame", () => {
  test.each([
    [["--help"], "Commands:"],
    [["help"], "Commands:"],
    [["run", "--help"], "podflame run --config otelcol.yaml"],
    [["help", "run"], "podflame run --config otelcol.yaml"],
    [["up", "--help"], "--listen"],
    [["config", "--help"], "validate"],
    [["config", "validate", "--help"], "podflame config validate otelcol.yaml"],
    [["config", "print", "--help"], "Presets: agent, gateway, replay, up"],
    [["components", "--help"], "--json"],
    [["record", "--help"], "sudo podflame record -o machine.html"],
    [["gateway", "--help"], "podflame config print gateway"],
    [["view", "--help"], "podflame view cpu.pprof"],
    [["agent", "--help"], "OTEL_EXPORTER_OTLP_ENDPOINT"],
    [["doctor", "--help"], "kernel"],
    [["doctor", "kernel", "--help"], "docs/kernel.md"],
    [["--version"], "0."],
  ])("%j is answered on standard output", async (args, wanted) => {
    const { code, stdout, stderr } = await podflame(args);
    expect(stdout).toContain(wanted);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("without a command shows its help, and that it's no use", async () => {
    const { code, stderr } = await podflame([]);
    expect(stderr).toContain("Commands:");
    expect(code).toBe(1);
  });
});
