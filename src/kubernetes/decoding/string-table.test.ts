import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { StringTable } from "./string-table.ts";

const intern = (table: StringTable, text: string): string => {
  const bytes = Buffer.from(`..${text}..`);
  return table.intern(bytes, 2, bytes.length - 2);
};

describe("a string table", () => {
  test("gives back every text, and keeps each once", () => {
    const table = new StringTable();
    fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (text) => intern(table, text) === text));
    const before = table.size;
    for (let round = 0; round < 3; round++) for (let i = 0; i < 5000; i++) expect(intern(table, `k${i}`)).toBe(`k${i}`);
    expect(table.size - before).toBe(5000);
  });

  test("keeps neither long texts nor text beyond ASCII, and still gives them back", () => {
    const table = new StringTable();
    for (const text of ["x".repeat(129), "Grüße", "世界", ""]) expect(intern(table, text)).toBe(text);
    expect(table.size).toBe(0);
  });

  test("has the same place for text that is a string already", () => {
    const table = new StringTable();
    expect(table.internText("team-00")).toBe(intern(table, "team-00"));
    expect(table.size).toBe(1);
  });

  test("starts over rather than growing for ever", () => {
    const table = new StringTable();
    for (let i = 0; i < 100_000; i++) intern(table, `pod-${i}`);
    expect(table.size).toBeLessThanOrEqual(32_768);
    expect(intern(table, "pod-99999")).toBe("pod-99999");
  });
});
