import { expect, test } from "vitest";
import { createLogger } from "./log.ts";

test("a JSON line holds time, level, message, the owner's fields and the causes of an error", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", encoding: "json", write: (line) => lines.push(line) });
  logger.child({ component: "otlp" }).warn("can't send", {
    error: new Error("connect failed", { cause: new Error("ECONNREFUSED") }),
  });
  logger.debug("not shown");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({
    level: "warn",
    ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    component: "otlp",
    msg: "can't send",
    error: "connect failed: ECONNREFUSED",
  });
});

test("the console form is one readable line", () => {
  const lines: string[] = [];
  createLogger({ level: "debug", encoding: "console", write: (line) => lines.push(line) }).info("started", {
    endpoint: "127.0.0.1:4317",
    pods: 3,
  });
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info  started endpoint=127.0.0.1:4317 pods=3\n$/);
});
