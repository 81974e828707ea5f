import { describe, expect, test } from "vitest";
import { type Check, checksAsJson, exitCodeOf, reportLines } from "./check.ts";

const OK: Check = { topic: "api", what: "server", state: "ok", detail: "answers" };
const NOTE: Check = { topic: "node", what: "n", state: "note", detail: "no pod on it", remedy: "look" };
const MISSING: Check = { topic: "rights", what: "pods", state: "problem", detail: "may not list", remedy: "add it" };
const USERS: Check = { topic: "configuration", what: "c.yaml", state: "problem", detail: "no", isUsers: true };

describe("the exit code", () => {
  test.each([
    ["nothing is wrong", [OK, NOTE], 0],
    ["something is missing", [OK, MISSING], 2],
    ["the configuration is wrong, whatever is missing besides", [MISSING, USERS], 1],
  ])("says that %s", (_, checks, code) => {
    expect(exitCodeOf(checks)).toBe(code);
  });
});

test("the report has topics in their order, a column each, and what to do below", () => {
  expect(reportLines([MISSING, OK, USERS])).toEqual([
    "configuration",
    "  PROBLEM  c.yaml  no",
    "api",
    "  ok       server  answers",
    "rights",
    "  PROBLEM  pods  may not list",
    "           → add it",
    "",
    "2 problems.",
  ]);
  expect(reportLines([NOTE]).at(-1)).toBe("Nothing is wrong.");
});

test("a terminal is not steered by what a server says", () => {
  const text = reportLines([{ ...MISSING, detail: "\u001b[2J", remedy: "\u001b]0;x\u0007" }]).join("\n");
  expect(text).not.toContain("\u001b");
  expect(text).not.toContain("\u0007");
});

test("JSON has the same for scripts", () => {
  expect(JSON.parse(checksAsJson([NOTE]))).toEqual([
    { topic: "node", what: "n", state: "note", detail: "no pod on it", remedy: "look" },
  ]);
});
