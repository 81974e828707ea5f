/**
 * Golden cases: each `testdata/NAME.yaml` is a configuration, and `NAME.expected` what comes of it: the typed result
 * with its warnings, or the error. `UPDATE_GOLDEN=1` rewrites those. A line `# set: path=value` in the YAML is a
 * `--set`; `# with: other.yaml` another `--config`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeWorld } from "../testing/fake-components.ts";
import { ConfigError, describeProblem } from "./config-error.ts";
import type { Configuration, LoadedConfiguration } from "./configuration.ts";
import { loadConfiguration } from "./load.ts";
import { printConfiguration } from "./print.ts";

const FOLDER = join(import.meta.dirname, "testdata");
const CASES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".yaml") && !file.startsWith("part-"))
  .map((file) => file.slice(0, -".yaml".length));

function load(name: string): Promise<LoadedConfiguration> {
  const text = readFileSync(join(FOLDER, `${name}.yaml`), "utf8");
  const directive = (word: string): string[] =>
    [...text.matchAll(new RegExp(`^# ${word}: (.*)$`, "gm"))].map((match) => match[1]!);
  const surroundings = {
    env: { PORT: "4317", TOKEN: "s3cret" },
    readFile: (path: string) => readFileSync(join(FOLDER, path), "utf8"),
  };
  const configs = [`${name}.yaml`, ...directive("with")];
  return loadConfiguration({ configs, sets: directive("set") }, new FakeWorld().catalog, surroundings);
}

async function outcome(name: string): Promise<string> {
  try {
    const { configuration, warnings } = await load(name);
    return `${JSON.stringify(typed(configuration), null, 2)}\n${warnings.map((w) => `${describeProblem(w)}\n`).join("")}`;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return `${error.message}\n`;
  }
}

function typed({ service, ...sections }: Configuration): unknown {
  const components = Object.entries(sections).map(([section, byId]) => [
    section,
    Object.fromEntries([...byId].map(([text, { id, config }]) => [text, { type: id.type, config }])),
  ]);
  return { ...Object.fromEntries(components), service };
}

describe("any damage to a file", () => {
  const sound = readFileSync(join(FOLDER, "several-pipelines.yaml"), "utf8");
  const place = fc.nat(sound.length);
  const junk = fc.constantFrom(
    "",
    " ",
    "\n",
    ":",
    "[",
    "]",
    "{",
    "}",
    "null",
    "7",
    "&a ",
    "*a",
    "<<: ",
    "__proto__: ",
    "${A}",
    "- ",
  );
  const damage = fc.array(fc.tuple(place, fc.nat(20), junk), { minLength: 1, maxLength: 4 });

  test("gives a configuration or a ConfigError, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (cuts) => {
        let text = sound;
        for (const [at, length, put] of cuts) text = text.slice(0, at) + put + text.slice(at + length);
        const surroundings = { env: { A: "{x: 1}" }, readFile: () => text };
        await loadConfiguration({ configs: ["c.yaml"] }, new FakeWorld().catalog, surroundings).catch(
          (error: unknown) => {
            if (!(error instanceof ConfigError) || error.problems.length === 0) throw error;
          },
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("a configuration", () => {
  test("has golden cases", () => {
    expect(CASES.length).toBeGreaterThan(5);
  });

  test.each(CASES)("%s", async (name) => {
    const file = join(FOLDER, `${name}.expected`);
    const actual = await outcome(name);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, actual);
    expect(actual).toBe(existsSync(file) ? readFileSync(file, "utf8") : "");
  });

  test("tells which files it was read from, variables included", async () => {
    const { files } = await load("merged");
    expect([...files.keys()]).toEqual(["merged.yaml", "part-site.yaml"]);
  });

  test("is shown merged and expanded, with its credentials hidden", async () => {
    expect(await printConfiguration(await load("secrets"), new FakeWorld().catalog)).toBe(
      `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:4317
exporters:
  otlp:
    endpoint: https://user:[REDACTED]@backend.example:4317
    headers:
      authorization: "[REDACTED]"
      x-tenant: "[REDACTED]"
    password: "[REDACTED]"
service:
  pipelines:
    traces:
      receivers:
        - otlp
      exporters:
        - otlp
`,
    );
  });
});
