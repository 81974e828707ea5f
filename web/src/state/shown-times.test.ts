import { describe, expect, test, vi } from "vitest";

vi.stubGlobal("location", { search: "", pathname: "/", hash: "" });
vi.stubGlobal("addEventListener", () => undefined);
const { withoutBefore } = await import("./shown-times.ts");

const NOW = Date.UTC(2026, 10, 22, 12);
const LAST_QUARTER = { from: "now-15m", to: "now" };

describe("times that are asked for", () => {
  test("begin with the oldest sample while the store is young", () => {
    expect(withoutBefore(NOW - 30_000.5, LAST_QUARTER, NOW)).toEqual({ from: String(NOW - 30_001), to: "now" });
  });

  test("are those of the address once there are samples for all of it", () => {
    expect(withoutBefore(NOW - 900_001, LAST_QUARTER, NOW)).toBe(LAST_QUARTER);
  });

  test("are those of the address while there are no samples, and where all of them came later", () => {
    expect(withoutBefore(undefined, LAST_QUARTER, NOW)).toBe(LAST_QUARTER);
    const before = { from: String(NOW - 9000), to: String(NOW - 8000) };
    expect(withoutBefore(NOW - 7000, before, NOW)).toBe(before);
  });

  test("keep their fixed end", () => {
    const fixed = { from: String(NOW - 900_000), to: String(NOW - 10_000) };
    expect(withoutBefore(NOW - 60_000, fixed, NOW)).toEqual({ from: String(NOW - 60_000), to: fixed.to });
  });
});
