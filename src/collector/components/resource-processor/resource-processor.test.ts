import { describe, expect, test } from "vitest";
import { decodeResources, encodeAttribute, SIGNALS, type AttributeValue } from "#otlp";
import { Writer } from "#wire";
import { RecordingConsumer, testContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { resourceProcessorConfig } from "./config.ts";
import { resourceProcessorFactory } from "./index.ts";

lifecycleSuite(resourceProcessorFactory, [
  { name: "with one action", config: { attributes: [{ key: "a", value: "b", action: "upsert" }] } },
]);

function request(...resources: Readonly<Record<string, AttributeValue>>[]): Uint8Array {
  const writer = new Writer();
  for (const attributes of resources) {
    writer.open(1);
    writer.bytes(1, Buffer.concat(Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value))));
    writer.close();
  }
  return writer.finish();
}

async function run(
  attributes: readonly object[],
  ...resources: Readonly<Record<string, AttributeValue>>[]
): Promise<Record<string, AttributeValue>[]> {
  const read = resourceProcessorConfig.parse({ attributes });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("resource");
  const next = new RecordingConsumer();
  const processor = resourceProcessorFactory.create(context, read.config, "logs", next);
  await processor.consume(testPayload("logs", request(...resources)));
  expect(context.buffers.stats.leased).toBe(0);
  const decoded = decodeResources(testPayload("logs", next.received[0]!.bytes));
  return decoded.map((resource) => Object.fromEntries(resource.attributes));
}

describe("actions", () => {
  test.each([
    ["insert", {}, { env: "prod" }],
    ["insert", { env: "dev" }, { env: "dev" }],
    ["update", {}, {}],
    ["update", { env: "dev" }, { env: "prod" }],
    ["upsert", {}, { env: "prod" }],
    ["upsert", { env: "dev" }, { env: "prod" }],
  ])("%s on %j gives %j", async (action, before, after) => {
    expect(await run([{ key: "env", value: "prod", action }], before)).toEqual([after]);
  });

  test("delete removes, and does nothing where there is nothing", async () => {
    expect(await run([{ key: "env", action: "delete" }], { env: "x", a: 1n }, { a: 2n })).toEqual([
      { a: 1n },
      { a: 2n },
    ]);
  });

  test("from_attribute copies with its type, and does nothing where the source is absent", async () => {
    const actions = [{ key: "copy", from_attribute: "n", action: "upsert" }];
    expect(await run(actions, { n: 42n }, { copy: "old" }, { n: [true, "x"] })).toEqual([
      { n: 42n, copy: 42n },
      { copy: "old" },
      { n: [true, "x"], copy: [true, "x"] },
    ]);
  });

  test("see what the actions before them did", async () => {
    const actions = [
      { key: "a", value: "1", action: "insert" },
      { key: "b", from_attribute: "a", action: "upsert" },
      { key: "a", action: "delete" },
      { key: "a", value: "2", action: "update" },
      { key: "c", from_attribute: "a", action: "insert" },
    ];
    expect(await run(actions, {}, { a: "0", b: "z" })).toEqual([{ b: "1" }, { b: "0" }]);
  });

  test("write values with the types of the YAML", async () => {
    const values = { s: "x", i: 7, d: 1.5, t: true, l: ["a", 2, false] };
    const actions = Object.entries(values).map(([key, value]) => ({ key, value, action: "insert" }));
    expect(await run(actions, {})).toEqual([{ s: "x", i: 7n, d: 1.5, t: true, l: ["a", 2n, false] }]);
  });
});

test("what no action touches is passed on as the same payload", async () => {
  const read = resourceProcessorConfig.parse({ attributes: [{ key: "none", action: "delete" }] });
  if ("problems" in read) throw new Error();
  const payload = testPayload("traces", request({ a: "b" }));
  const next = new RecordingConsumer();
  let passed: unknown;
  next.answer = (given) => void (passed = given);
  await resourceProcessorFactory.create(testContext("resource"), read.config, "traces", next).consume(payload);
  expect(passed).toBe(payload);
});

test("a broken resource is passed on as it came and counted", async () => {
  const read = resourceProcessorConfig.parse({ attributes: [{ key: "a", value: 1, action: "upsert" }] });
  if ("problems" in read) throw new Error();
  const bytes = Uint8Array.of(0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x7f);
  const context = testContext("resource/x");
  const next = new RecordingConsumer();
  await resourceProcessorFactory.create(context, read.config, "profiles", next).consume(testPayload("profiles", bytes));
  expect(next.received[0]!.bytes).toEqual(bytes);
  expect(context.metrics.value("podflame_processor_malformed_resources", { processor: "resource/x" })).toBe(1);
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = resourceProcessorConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}]])("%j is refused: attributes is mandatory", (input) => {
    expect(problems(input)).toEqual(["attributes: is missing: expected a list"]);
  });

  test("an empty list is refused", () => {
    expect(problems({ attributes: [] })).toEqual(["attributes: must hold at least one action"]);
  });

  test("says for each action what is wrong with it", () => {
    const attributes = [
      { key: "a", action: "hash" },
      { key: "a", action: "upsert" },
      { key: "a", action: "insert", value: 1, from_attribute: "b" },
      { key: "a", action: "delete", value: 1 },
      { key: "a", action: "upsert", from_context: "x", value: 1 },
      { key: "", action: "upser", value: { a: 1 } },
    ];
    expect(problems({ attributes })).toMatchInlineSnapshot(`
      [
        "attributes::0::action: "hash" is not supported yet; insert, update, upsert, delete are",
        "attributes::1::value: is missing: upsert takes exactly one of value and from_attribute",
        "attributes::2::value: and from_attribute exclude each other: insert takes exactly one of value and from_attribute",
        "attributes::3::action: delete takes neither value nor from_attribute",
        "attributes::4::from_context: "from_context" is not supported yet; use key with value or from_attribute",
        "attributes::5::key: must not be empty",
        "attributes::5::value: expected a text, a number, true, false or a list of these, got {"a":1}",
        "attributes::5::action: expected one of insert, update, upsert, delete, got "upser"",
      ]
    `);
  });
});

test("every signal is covered", () => {
  expect(Object.keys(resourceProcessorFactory.stability)).toEqual([...SIGNALS]);
});
