import { describe, expect, test } from "vitest";
import { describeProblem } from "./config-error.ts";
import type { Surroundings } from "./expand.ts";
import { toPlain } from "./node.ts";
import { mergeSources } from "./sources.ts";

const surroundings = (files: Readonly<Record<string, string>>): Surroundings => ({
  env: { CONFIG: "exporters: {debug: {verbosity: detailed}}" },
  readFile: (path) => {
    if (files[path] === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    return files[path];
  },
});

function merged(configs: readonly string[], sets: readonly string[] = [], files: Record<string, string> = {}): unknown {
  const { node, problems } = mergeSources({ configs, sets }, surroundings(files));
  expect(problems.map(describeProblem)).toEqual([]);
  return JSON.parse(JSON.stringify(toPlain(node)));
}

function refused(
  configs: readonly string[],
  sets: readonly string[] = [],
  files: Record<string, string> = {},
): string[] {
  return mergeSources({ configs, sets }, surroundings(files)).problems.map(describeProblem);
}

describe("merging", () => {
  test.each<[string, string, string, unknown]>([
    ["maps are joined key by key", "a: {x: 1, y: {p: 1}}", "a: {y: {q: 2}}", { a: { x: 1, y: { p: 1, q: 2 } } }],
    ["scalars are replaced", "a: 1", "a: 2", { a: 2 }],
    ["lists are replaced, not appended to", "a: [1, 2]", "a: [3]", { a: [3] }],
    ["null replaces a map", "a: {x: 1}", "a:", { a: null }],
    ["a map replaces null", "a:", "a: {x: 1}", { a: { x: 1 } }],
    ["a scalar replaces a map", "a: {x: 1}", "a: off", { a: "off" }],
    ["an empty source changes nothing", "a: 1", "", { a: 1 }],
    ["a source of comments changes nothing", "a: 1", "# nothing", { a: 1 }],
    ["a key of the root may be a path", "a: {b: {c: 1}}", "a::b::d: 2", { a: { b: { c: 1, d: 2 } } }],
  ])("%s", (_name, first, second, wanted) => {
    expect(merged([`yaml:${first}`, `yaml:${second}`])).toEqual(wanted);
  });

  test("files, variables and text can be mixed; the last one wins", () => {
    const files = { "base.yaml": "exporters: {debug: {verbosity: basic}, file: {path: x}}" };
    expect(merged(["base.yaml", "env:CONFIG", "yaml:exporters::file::path: y"], [], files)).toEqual({
      exporters: { debug: { verbosity: "detailed" }, file: { path: "y" } },
    });
    expect(merged(["file:base.yaml"], [], files)).toMatchObject({ exporters: { file: { path: "x" } } });
  });

  test("aliases and merge keys of YAML work; what stands there itself wins", () => {
    expect(merged(["yaml:{a: &a {x: 1, y: 2}, b: {<<: *a, y: 3}, c: *a}"])).toEqual({
      a: { x: 1, y: 2 },
      b: { x: 1, y: 3 },
      c: { x: 1, y: 2 },
    });
  });

  test("numbers are read as Go's YAML reads them", () => {
    expect(merged(["yaml:{a: 0755, b: 1_000, c: 1e3, d: '0755', e: 0x1F, f: yes, g: true}"])).toEqual({
      a: 0o755,
      b: 1000,
      c: 1000,
      d: "0755",
      e: 31,
      f: "yes",
      g: true,
    });
  });
});

describe("--set", () => {
  test.each<[string, unknown]>([
    ["processors.batch.timeout=2s", { processors: { batch: { timeout: "2s" } } }],
    ["processors::batch::timeout=2s", { processors: { batch: { timeout: "2s" } } }],
    ["exporters::otlp/a.b::endpoint=h:1", { exporters: { "otlp/a.b": { endpoint: "h:1" } } }],
    ["a.b=[1, 2]", { a: { b: [1, 2] } }],
    ["a.b={c: d}", { a: { b: { c: "d" } } }],
    ["a.b=", { a: { b: null } }],
    ["a.b=x=y", { a: { b: "x=y" } }],
  ])("%s", (set, wanted) => {
    expect(merged([], [set])).toEqual(wanted);
  });

  test("is laid upon all sources", () => {
    expect(merged(["yaml:a: {b: 1, c: 2}"], ["a.b=3", "a.d=4"])).toEqual({ a: { b: 3, c: 2, d: 4 } });
  });
});

describe("sources that can't be read", () => {
  test("are all named in one go", () => {
    expect(
      refused(
        ["missing.yaml", "env:NOTHING", "https://example.com/c.yaml", "list.yaml", "broken.yaml", "twice.yaml"],
        ["novalue", "a..b=1"],
        { "list.yaml": "- a\n", "broken.yaml": "a: [1\nb: {a: 1, a: 2}\n", "twice.yaml": "b: {a: 1,\n a: 2}" },
      ),
    ).toEqual([
      "missing.yaml: there is no such file",
      "--config env:NOTHING: environment variable NOTHING is not set",
      '--config https://example.com/c.yaml: unknown scheme "https"; a file, file:, env: and yaml: can be read here (download it first)',
      "list.yaml:1:1: expected a map with receivers, exporters and service",
      expect.stringMatching(/^broken\.yaml:2:1: not readable as YAML: /),
      'twice.yaml:2:2: key "a" stands here a second time, after line 1',
      "--set novalue: expected path=value, e.g. --set processors::batch::timeout=2s",
      "--set a..b: a part of the path is empty",
    ]);
  });

  test.each<[string, string, RegExp]>([
    ["an alias without an anchor", "a: *nothing", /no anchor|unresolved alias/i],
    ["a list as a key", "[a, b]: 1", /a key must be a plain word/],
    [
      "aliases that multiply",
      `a: &a [${Array(10).fill("x").join(", ")}]\n${"bcdefg"
        .split("")
        .map((key, index) => `${key}: &${key} [${Array(10).fill(`*${"abcdefg"[index]}`).join(", ")}]`)
        .join("\n")}`,
      /has more than 200000 values/,
    ],
  ])("%s", (_name, yaml, message) => {
    expect(refused(["c.yaml"], [], { "c.yaml": yaml }).join("\n")).toMatch(message);
  });
});
