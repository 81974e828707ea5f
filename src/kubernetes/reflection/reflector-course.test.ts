import { describe, expect, test } from "vitest";
import { ApiError, KubernetesConfigError } from "../errors.ts";
import { DEFAULT_PACE, FIRST_STEP, nextStep, type Outcome, type Step } from "./reflector-course.ts";

const refusal = (code: number, retryAfterMs?: number): ApiError =>
  new ApiError("GET /api/v1/pods", { code, reason: "", message: "", retryAfterMs });
const failed = (during: "list" | "watch", error: Error, livedMs = 0): Outcome => ({
  kind: "failed",
  during,
  error,
  livedMs,
});
/** The longest delay that chance allows. */
const longest = (before: Step, outcome: Outcome): Step => nextStep(before, outcome, DEFAULT_PACE, () => 1);
const watching: Step = { kind: "watch", delayMs: 0, failures: 0 };

describe("a reflector's course", () => {
  test("goes from a list to a watch at once, and from a watch that ended in order to the next", () => {
    expect(longest(FIRST_STEP, { kind: "listed" })).toEqual(watching);
    expect(longest(watching, { kind: "watch-ended", livedMs: 400_000 })).toEqual(watching);
  });

  test("doubles the bound of its delays up to 30 s, and draws from the whole range", () => {
    let step = FIRST_STEP;
    const bounds = Array.from({ length: 9 }, () => (step = longest(step, failed("list", new Error("reset")))).delayMs);
    expect(bounds).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    expect(nextStep(step, failed("list", new Error("reset")), DEFAULT_PACE, () => 0).delayMs).toBe(0);
  });

  test("begins small again after a watch that lived half a minute", () => {
    const troubled: Step = { kind: "watch", delayMs: 0, failures: 7 };
    expect(longest(troubled, failed("watch", new Error("reset"), 30_000))).toMatchObject({ delayMs: 800, failures: 1 });
    expect(longest(troubled, failed("watch", new Error("reset"), 5000)).failures).toBe(8);
    expect(longest(troubled, { kind: "watch-ended", livedMs: 30_000 }).failures).toBe(0);
  });

  test("doesn't loop without pause over watches that end at once", () => {
    expect(longest(watching, { kind: "watch-ended", livedMs: 5 })).toEqual({
      kind: "watch",
      delayMs: 800,
      failures: 1,
    });
  });

  test("lists again when the version is gone", () => {
    expect(longest(watching, { kind: "expired" })).toMatchObject({ kind: "list", delayMs: 800 });
  });

  test("goes on watching from its version after a lost connection, but not after a refusal that would stay", () => {
    expect(longest(watching, failed("watch", new Error("reset"))).kind).toBe("watch");
    for (const code of [401, 403, 429, 503])
      expect(longest(watching, failed("watch", refusal(code))).kind).toBe("watch");
    for (const code of [400, 500, 504]) expect(longest(watching, failed("watch", refusal(code))).kind).toBe("list");
  });

  test("waits at least as long as the server asks", () => {
    expect(nextStep(FIRST_STEP, failed("list", refusal(429, 7000)), DEFAULT_PACE, () => 0).delayMs).toBe(7000);
    expect(longest(FIRST_STEP, failed("list", refusal(429, 7000))).delayMs).toBe(7800);
  });

  test("is slow where only a person can help", () => {
    for (const error of [refusal(401), refusal(403), refusal(404), new KubernetesConfigError("a", "b", "c")]) {
      expect(nextStep(FIRST_STEP, failed("list", error), DEFAULT_PACE, () => 0).delayMs).toBe(22_500);
      expect(longest(FIRST_STEP, failed("list", error)).delayMs).toBe(37_500);
    }
  });
});
