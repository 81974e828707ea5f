import { expect, test } from "vitest";
import { parseComponentId } from "./component-id.ts";

test.each([
  ["otlp", { type: "otlp", name: "", text: "otlp" }],
  ["otlp/2", { type: "otlp", name: "2", text: "otlp/2" }],
  [" otlp / second-one.x ", { type: "otlp", name: "second-one.x", text: "otlp/second-one.x" }],
  ["otlp/a/b", { type: "otlp", name: "a/b", text: "otlp/a/b" }],
  ["otlp/zwölf", { type: "otlp", name: "zwölf", text: "otlp/zwölf" }],
])("%j is an id", (text, id) => {
  expect(parseComponentId(text)).toEqual(id);
});

test.each([
  ["", /has no type/],
  ["/x", /has no type/],
  ["otlp/", /has no name behind the slash/],
  ["9lives", /a type is a letter followed by/],
  ["k8s-attributes", /a type is a letter followed by/],
  ["a".repeat(64), /a type is a letter followed by/],
  ["otlp/a b", /a name holds no spaces/],
  ["otlp/\u0007", /a name holds no spaces/],
])("%j is none", (text, problem) => {
  expect(parseComponentId(text)).toMatchObject({ problem: expect.stringMatching(problem) as string });
});
