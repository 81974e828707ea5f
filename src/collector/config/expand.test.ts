import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeProblem } from "./config-error.ts";
import { expandNode, type Expansion } from "./expand.ts";
import { ExpandedValue } from "./expanded-value.ts";
import { toPlain } from "./node.ts";
import { readYaml } from "./read-yaml.ts";

const ENV: Readonly<Record<string, string>> = {
  HOST: "collector.example",
  PORT: "4317",
  ZIP: "0123",
  YES: "true",
  EMPTY: "",
  LIST: "[a, b]",
  MAP: "{endpoint: here}",
  NAME_OF_HOST: "HOST",
  NESTED: "${env:PORT}",
  DOLLARS: "pa$$word",
  NOT_YAML: "{[,",
  QUOTED: '"quoted"',
  LOOP: "${env:LOOP}",
  BOMB: "${env:BOMB}${env:BOMB}",
  TWO_LINES: "a\nb",
};
const FILES: Readonly<Record<string, string>> = {
  "/token": "s3cret\n",
  "/receivers.yaml": "otlp: {endpoint: '${env:HOST}:$$${env:PORT}'}\n",
  "/self.yaml": "again: ${file:/self.yaml}\n",
};

function expanded(yaml: string): Expansion {
  const { node, problems } = readYaml(yaml, "test.yaml");
  expect(problems).toEqual([]);
  return expandNode(node, {
    env: ENV,
    readFile: (path) => {
      if (FILES[path] === undefined) throw new Error("EACCES: permission denied");
      return FILES[path];
    },
  });
}

/** The value that stands behind `v`; expanded ones as [typed value, text]. */
function value(scalar: string): unknown {
  const { node, problems } = expanded(`v: ${scalar}\n`);
  expect(problems.map(describeProblem)).toEqual([]);
  return shown((toPlain(node) as { v: unknown }).v);
}

function shown(plain: unknown): unknown {
  if (plain instanceof ExpandedValue) return [shown(plain.value), plain.text];
  if (Array.isArray(plain)) return plain.map(shown);
  if (plain === null || typeof plain !== "object") return plain;
  return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, shown(inner)]));
}

describe("variables", () => {
  test.each<[string, unknown]>([
    // Alone, they take the type that their text has in YAML, and keep the text.
    ["${env:HOST}", "collector.example"],
    ["${HOST}", "collector.example"],
    ["${env:PORT}", [4317, "4317"]],
    ["'${env:PORT}'", [4317, "4317"]],
    ["${env:ZIP}", [0o123, "0123"]],
    ["${env:YES}", [true, "true"]],
    ["${env:EMPTY}", [null, ""]],
    ["${env:LIST}", [["a", "b"], "[a, b]"]],
    ["${env:MAP}", [{ endpoint: "here" }, "{endpoint: here}"]],
    ["${env:QUOTED}", '"quoted"'],
    ["${env:NOT_YAML}", "{[,"],
    ["'${yaml:[1, 2]}'", [[1, 2], "[1, 2]"]],
    // Embedded, they are text.
    ["${env:HOST}:${env:PORT}", "collector.example:4317"],
    ["http://${HOST}/${env:ZIP}", "http://collector.example/0123"],
    ["a${env:EMPTY}b", "ab"],
    // Defaults.
    ["${env:UNSET:-fallback}", "fallback"],
    ["${UNSET:-8}", [8, "8"]],
    ["${env:UNSET:-}", [null, ""]],
    ["${env:EMPTY:-not used}", [null, ""]],
    ["${env:UNSET:-a:-b}", "a:-b"],
    ["${env:UNSET:-${env:PORT}}", [4317, "4317"]],
    // Nested.
    ["${env:${env:NAME_OF_HOST}}", "collector.example"],
    ["${env:NESTED}", [4317, "4317"]],
    ["x${env:NESTED}", "x4317"],
    // Escaped.
    ["$$", "$"],
    ["$${env:HOST}", "${env:HOST}"],
    ["$$${env:HOST}", "$collector.example"],
    ["$$$${env:HOST}", "$${env:HOST}"],
    ["$${env:HOST} ${env:PORT}", "${env:HOST} 4317"],
    ["${env:DOLLARS}", "pa$word"],
    // Left alone.
    ["$HOST", "$HOST"],
    ["${", "${"],
    ["'}${'", "}${"],
    // Files.
    ["${file:/token}", "s3cret"],
    ["Bearer ${file:/token}", "Bearer s3cret"],
  ])("%s", (scalar, wanted) => {
    expect(value(scalar)).toEqual(wanted);
  });

  test("in an included file are expanded in turn", () => {
    expect(value("${file:/receivers.yaml}")).toEqual([
      { otlp: { endpoint: "collector.example:$4317" } },
      FILES["/receivers.yaml"]!.trimEnd(),
    ]);
  });

  test("are expanded in lists and maps, but not in keys", () => {
    const { node } = expanded("'${env:HOST}': ['${env:PORT}', {a: '${env:YES}'}]\n");
    expect(shown(toPlain(node))).toEqual({ "${env:HOST}": [[4317, "4317"], { a: [true, "true"] }] });
  });

  test("that aren't set are empty and warned of, once for each place", () => {
    const { node, problems, warnings } = expanded("a:\n  b: x${env:UNSET}\n");
    expect(shown(toPlain(node))).toEqual({ a: { b: "x" } });
    expect(problems).toEqual([]);
    expect(warnings.map(describeProblem)).toEqual([
      "test.yaml:2:6: a::b: environment variable UNSET is not set, taken as empty",
    ]);
  });

  test.each<[string, RegExp]>([
    ["${env:LOOP}", /^test\.yaml:1:4: v: has no end after 1000 rounds of expansion$/],
    ["${env:BOMB}", /grows beyond 1048576 characters|has no end/],
    ["${file:/self.yaml}", /files include each other more than 50 deep/],
    ["${file:/missing}", /\$\{file:\/missing\}: can't be read: EACCES/],
    ["${env:not a name}", /not a name of an environment variable/],
    ["${env:A$B}", /a "\$" can't stand inside a variable/],
    ["${http://example.com/x}", /unknown scheme "http"; env, file and yaml exist here/],
  ])("%s is refused", (scalar, message) => {
    const { problems } = expanded(`v: ${scalar}\n`);
    expect(problems).toHaveLength(1);
    expect(describeProblem(problems[0]!)).toMatch(message);
  });
});

describe("any text", () => {
  const piece = fc.constantFrom("$", "{", "}", ":", "-", "env:", "A", "B", "${", "$$", "${A}", "${env:B:-", "x", " ");
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

  test("is expanded or refused, in bounded time and size", () => {
    fc.assert(
      fc.property(text, text, text, (written, a, b) => {
        const place = { source: "test", line: 1, column: 1 };
        const world = { env: { A: a, B: b }, readFile: () => "" };
        const { node, problems } = expandNode({ kind: "scalar", place, value: written }, world);
        expect(problems.length).toBeLessThanOrEqual(1);
        expect(JSON.stringify(toPlain(node)).length).toBeLessThan(4 << 20);
      }),
      { numRuns: 300 },
    );
  });

  test("without dollar signs stays as it is", () => {
    fc.assert(
      fc.property(
        fc.string().filter((written) => !written.includes("$")),
        (written) => {
          const place = { source: "test", line: 1, column: 1 };
          const { node } = expandNode({ kind: "scalar", place, value: written }, { env: {}, readFile: () => "" });
          expect(toPlain(node)).toBe(written);
        },
      ),
    );
  });
});
