import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findKernelFunction } from "./kernel-function.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "podflame-kallsyms-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function listed(...lines: readonly string[]): string {
  const path = join(folder, "kallsyms");
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

const line = (low: number, name: string): string => `ffffffff${low.toString(16).padStart(8, "0")} T ${name}`;

test("a function reaches to where the next one begins", () => {
  const path = listed(line(0x81000000, "first"), line(0x82001000, "__schedule"), line(0x82001f00, "schedule"));
  expect(findKernelFunction("__schedule", path)).toEqual({ high: 0xffff_ffff, start: 0x82001000, end: 0x82001f00 });
});

test("it is found wherever it stands in a long list, and by its whole name only", () => {
  const many = (from: number): string[] =>
    Array.from({ length: 6000 }, (_, at) => line(from + 16 * at, `f${at}___schedule`));
  for (const shift of [0, 1, 100, 3000]) {
    const path = listed(...many(0x81000000).slice(shift), line(0x82000000, "__schedule"), ...many(0x82000010));
    expect(findKernelFunction("__schedule", path)).toMatchObject({ start: 0x82000000, end: 0x82000010 });
  }
});

test("hidden addresses, an unknown name and a list that isn't there give nothing", () => {
  const path = listed("0000000000000000 T __schedule", "0000000000000000 T schedule");
  expect(findKernelFunction("__schedule", path)).toBeUndefined();
  expect(findKernelFunction("absent", path)).toBeUndefined();
  expect(findKernelFunction("__schedule", join(folder, "nowhere"))).toBeUndefined();
});
