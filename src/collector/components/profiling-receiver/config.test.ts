/**
 * Golden cases: each `testdata/NAME.yaml` is what stands behind the id, `NAME.expected` what comes of it: the typed
 * result, or the problems. `UPDATE_GOLDEN=1` rewrites those.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { DEFAULT_PROFILER_SETTINGS, SAMPLE_ATTRIBUTES } from "#profiler";
import { profilingConfig, type ProfilingConfig } from "./config.ts";
import { settingsOf } from "./settings.ts";

const FOLDER = join(import.meta.dirname, "testdata");
const CASES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.slice(0, -".yaml".length));

function outcome(name: string): string {
  const result = profilingConfig.parse(parse(readFileSync(join(FOLDER, `${name}.yaml`), "utf8")));
  if ("config" in result) return `${JSON.stringify(result.config, null, 2)}\n`;
  return result.problems.map(({ path, message }) => `${path.join("::")}: ${message}\n`).join("");
}

test.each(CASES)("the configuration %s is read as recorded", (name) => {
  const file = join(FOLDER, `${name}.expected`);
  const actual = outcome(name);
  if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(file)) writeFileSync(file, actual);
  expect(actual).toBe(readFileSync(file, "utf8"));
});

function read(input: unknown): ProfilingConfig {
  const result = profilingConfig.parse(input);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

test("without keys the profiler's own defaults apply", () => {
  expect(settingsOf(read(null))).toEqual(DEFAULT_PROFILER_SETTINGS);
});

test("every attribute that the profiler knows can be asked for", () => {
  expect(settingsOf(read({ sample_attributes: SAMPLE_ATTRIBUTES })).sampleAttributes).toEqual(SAMPLE_ATTRIBUTES);
});
