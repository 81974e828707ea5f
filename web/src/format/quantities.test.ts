import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatCores,
  formatCount,
  formatNumberOf,
  formatSeconds,
  formatShare,
  formatValue,
} from "./quantities.ts";

/** Narrow no-break spaces as plain ones, to be readable. */
const plain = (text: string): string => text.replaceAll("\u202f", " ");

describe("quantities", () => {
  test("say zero as zero, and what is too small for the digits as that", () => {
    expect(plain(formatShare(0))).toBe("0 %");
    expect(plain(formatShare(0.00001))).toBe("<0.01 %");
    expect(plain(formatCores(0))).toBe("0 cores");
    expect(plain(formatCores(0.0001))).toBe("<0.001 cores");
    expect(plain(formatSeconds(0))).toBe("0 s");
  });

  test.each([
    [0.5, "50.0 %"],
    [1, "100 %"],
    [0.0345, "3.45 %"],
    [-0.12, "−12.0 %"],
  ])("share %d is %s", (share, text) => {
    expect(plain(formatShare(share))).toBe(text);
  });

  test.each([
    [1, "1.00 core"],
    [0.123456, "0.123 cores"],
    [15.96, "16.0 cores"],
    [640, "640 cores"],
  ])("%d CPUs are %s", (cores, text) => {
    expect(plain(formatCores(cores))).toBe(text);
  });

  test.each([
    [90, "90.0 s"],
    [300, "5.00 min"],
    [10_800, "3.00 h"],
    [0.0125, "12.5 ms"],
    [2e-9, "2.00 ns"],
    [400_000, "4.63 d"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(plain(formatSeconds(seconds))).toBe(text);
  });

  test("are said in the unit of their type", () => {
    expect(plain(formatValue(1.5e9, "nanoseconds"))).toBe("1.50 s");
    expect(plain(formatValue(1536, "bytes"))).toBe("1.50 KiB");
    expect(plain(formatValue(1234, "count"))).toBe("1,234");
    expect(plain(formatValue(7, "faults"))).toBe("7 faults");
    expect(plain(formatBytes(12))).toBe("12 B");
    expect(plain(formatCount(25_000_000))).toBe("25.0 M");
  });

  test("go with a word in the right number", () => {
    expect(formatNumberOf(1, "frame")).toBe("1 frame");
    expect(formatNumberOf(2, "frame")).toBe("2 frames");
    expect(formatNumberOf(3, "process", "processes")).toBe("3 processes");
  });
});
