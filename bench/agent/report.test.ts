import { expect, test } from "vitest";
import { agentTable, reached, type AgentRow } from "./report.ts";

const ROW: AgentRow = { scenario: "load 20 Hz", quantity: "CPU, % of a core", podflame: [0.4, 0.6, 0.5], atMost: 0.5 };

test("a goal is reached by the median", () => {
  expect(reached(ROW)).toBe(true);
  expect(reached({ ...ROW, podflame: [0.4, 0.6, 0.51] })).toBe(false);
  expect(reached({ scenario: "idle", quantity: "RSS, MiB", podflame: [70] })).toBeUndefined();
});

test("a table shows medians with their windows, the goal, and what missed it", () => {
  const missed: AgentRow = { ...ROW, podflame: [1.234], perf: [0.1, 0.3], opentelemetry: "0.76" };
  expect(agentTable([ROW, missed]).split("\n").slice(2)).toEqual([
    "| load 20 Hz | CPU, % of a core | 0.5 (0.4 0.6 0.5) |               | ≤ 0.5            |               |",
    "| load 20 Hz | CPU, % of a core | 1.23              | 0.2 (0.1 0.3) | ≤ 0.5 **missed** | 0.76          |",
  ]);
});
