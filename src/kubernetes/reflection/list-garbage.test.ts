import { afterEach, beforeEach, expect, test } from "vitest";
import { ListGarbage } from "./list-garbage.ts";

const before = Object.getOwnPropertyDescriptor(globalThis, "gc");
let collected: string[];

beforeEach(() => {
  collected = [];
  const gc = (options?: NodeJS.GCOptions): void => void collected.push(options?.type ?? "");
  Object.defineProperty(globalThis, "gc", { value: gc, configurable: true, writable: true });
});

afterEach(() => {
  if (before) Object.defineProperty(globalThis, "gc", before);
  else Reflect.deleteProperty(globalThis, "gc");
});

test("a long list is cleaned up behind every 2 MiB, and everything once after the first", () => {
  const garbage = new ListGarbage();
  for (let list = 0; list < 2; list++) {
    for (let chunk = 0; chunk < 5; chunk++) garbage.read(1 << 20);
    garbage.listed();
  }
  expect(collected).toEqual(["minor", "minor", "major", "minor", "minor"]);
});

test("short lists are left alone", () => {
  const garbage = new ListGarbage();
  for (let list = 0; list < 10; list++) {
    garbage.read(700_000);
    garbage.listed();
  }
  expect(collected).toEqual([]);
});

test("without --expose-gc nothing happens", () => {
  Reflect.deleteProperty(globalThis, "gc");
  const garbage = new ListGarbage();
  garbage.read(4 << 20);
  garbage.listed();
  expect(collected).toEqual([]);
});
