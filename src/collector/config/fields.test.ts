import { describe, expect, test } from "vitest";
import { ExpandedValue } from "./expanded-value.ts";
import {
  boolean,
  checked,
  collectSecrets,
  defineConfig,
  durationMs,
  integer,
  list,
  oneOf,
  optional,
  presence,
  record,
  secret,
  section,
  string,
} from "./fields.ts";

const config = defineConfig(
  section({
    endpoint: optional(string(), "localhost:4317"),
    timeout: optional(durationMs({ min: 0 }), 5000),
    retries: optional(integer({ min: 0 }), 3),
    on: optional(boolean(), true),
    mode: optional(oneOf(["a", "b"]), "a"),
    tags: optional(list(string()), []),
    headers: optional(record(string()), {}),
    inner: presence(section({ size: optional(integer(), 7) })),
  }),
);

function problems(input: unknown): string[] {
  const result = config.parse(input);
  return "problems" in result ? result.problems.map((issue) => `${issue.path.join(".")}: ${issue.message}`) : [];
}

describe("defineConfig", () => {
  test("an absent body gives the defaults", () => {
    expect(config.parse(null)).toEqual({
      config: {
        endpoint: "localhost:4317",
        timeout: 5000,
        retries: 3,
        on: true,
        mode: "a",
        tags: [],
        headers: {},
        inner: undefined,
      },
    });
  });

  test("null counts as not given for values and as given for sections whose presence matters", () => {
    const result = config.parse({ endpoint: null, inner: null });
    expect(result).toMatchObject({ config: { endpoint: "localhost:4317", inner: { size: 7 } } });
  });

  test("all problems are reported at once, each with its path", () => {
    expect(
      problems({
        endpont: "x",
        timeout: "soon",
        retries: -1,
        on: "yes",
        mode: "c",
        tags: [1],
        inner: { sice: 1 },
        zzz: 1,
      }),
    ).toEqual([
      'timeout: expected a duration such as "300ms", "5s" or "1h30m", got "soon"',
      "retries: must be at least 0, got -1",
      'on: expected true or false, got "yes"',
      'mode: expected one of a, b, got "c"',
      "tags.0: expected a string, got 1; put it in quotes",
      'inner.sice: unknown key "sice"; did you mean "size"?',
      'endpont: unknown key "endpont"; did you mean "endpoint"?',
      'zzz: unknown key "zzz"; known here: endpoint, timeout, retries, on, mode, tags, headers, inner',
    ]);
  });

  test("an expanded value is text for a string and its YAML value for a number", () => {
    const result = config.parse({ endpoint: new ExpandedValue(123, "0123"), retries: new ExpandedValue(5, "5") });
    expect(result).toMatchObject({ config: { endpoint: "0123", retries: 5 } });
  });

  test("a variable that isn't set is the empty string for a string, and not given for anything else", () => {
    const unset = new ExpandedValue(null, "");
    expect(config.parse({ endpoint: unset, retries: unset, on: unset, tags: unset, inner: unset })).toMatchObject({
      config: { endpoint: "", retries: 3, on: true, tags: [], inner: { size: 7 } },
    });
  });

  test("lists and maps that came out of a variable are read as such, and as text where a string is wanted", () => {
    const tags = new ExpandedValue(["a", "b"], "[a, b]");
    expect(config.parse({ endpoint: tags, tags, headers: new ExpandedValue({ a: "b" }, "{a: b}") })).toMatchObject({
      config: { endpoint: "[a, b]", tags: ["a", "b"], headers: { a: "b" } },
    });
  });

  test("a credential is shown nowhere, and told to whoever hides it", () => {
    const schema = defineConfig(section({ token: secret() }));
    const read = schema.parse({ token: "hunter2" });
    expect(JSON.stringify(read)).toBe('{"config":{"token":"[REDACTED]"}}');
    expect(JSON.stringify(schema.parse({ token: 12345 }))).not.toContain("12345");
    expect(JSON.stringify(schema.parse({ token: ["hunter2"] }))).not.toContain("hunter2");
    expect([...collectSecrets(() => void schema.parse({ token: "hunter2" }))]).toEqual(["hunter2"]);
  });

  test("a check over a section reports at the path it names", () => {
    const schema = checked(section({ a: optional(integer(), 1), b: optional(integer(), 0) }), (value) =>
      value.a > value.b ? [{ path: ["a"], message: "must not exceed b" }] : [],
    );
    expect(defineConfig(section({ pair: schema })).parse({ pair: {} })).toEqual({
      problems: [{ path: ["pair", "a"], message: "must not exceed b" }],
    });
  });

  test("durations are read as Go writes them", () => {
    const read = (timeout: unknown): unknown =>
      (config.parse({ timeout }) as { config?: { timeout: number } }).config?.timeout;
    expect(["1h30m", "1.5s", "250us", "0", 1_000_000, ".5ms"].map(read)).toEqual([5_400_000, 1500, 0.25, 0, 1, 0.5]);
    expect(["", "5", "1d", "s", "1 s", "-1s"].map(read)).toEqual(Array(6).fill(undefined));
  });
});
