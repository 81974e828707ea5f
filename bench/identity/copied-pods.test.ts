import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CopiedPods } from "./copied-pods.ts";

const recorded = (name: string): Buffer =>
  readFileSync(new URL(`../../testdata/kubernetes/${name}.body`, import.meta.url));
const JSON_LIST = recorded("list-json-1");

interface Item {
  readonly metadata: { readonly uid: string; readonly name: string };
}

const listOf = (copied: CopiedPods): Buffer => Buffer.concat([...copied.pieces()]);

test("a list of copies is a list, each item as long as it was and called otherwise", () => {
  const { items } = JSON.parse(JSON_LIST.toString()) as { readonly items: readonly Item[] };
  const copied = JSON.parse(listOf(CopiedPods.of(JSON_LIST, JSON_LIST, 3)).toString()) as {
    readonly kind: string;
    readonly items: readonly Item[];
  };
  expect([copied.kind, copied.items.length]).toEqual(["PodList", 3 * items.length]);
  expect(new Set(copied.items.map(({ metadata }) => metadata.uid)).size).toBe(3 * items.length);
  for (const [at, item] of copied.items.entries()) {
    expect(JSON.stringify(item).length).toBe(JSON.stringify(items[at % items.length]).length);
  }
});

test("a list in protobuf can be read again and is as long as it was, but for the copies", () => {
  const list = recorded("list-protobuf-1");
  const once = listOf(CopiedPods.of(list, JSON_LIST, 1));
  expect(once.length).toBe(list.length);
  expect(once.equals(list)).toBe(false);
  // Its names aren't those of the JSON any more, so nothing is left to change.
  expect(listOf(CopiedPods.of(once, JSON_LIST, 1)).equals(once)).toBe(true);
});
