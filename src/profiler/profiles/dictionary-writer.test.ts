import { expect, test } from "vitest";
import { Writer } from "#wire";
import { Dictionary } from "./dictionary.ts";
import { DictionaryWriter } from "./dictionary-writer.ts";

test("a list of attributes that was forgotten meanwhile ends, instead of going round", () => {
  const dictionary = new Dictionary();
  let list = 0;
  for (let at = 0; at < 200; at++) list = dictionary.attributeList(dictionary.integerAttribute("n", at), list);
  const names = dictionary.lineList([1, 2, 3].map((line) => ({ functionName: `f${line}`, line, startLine: 0 })));
  dictionary.clear();
  const tables = new DictionaryWriter(dictionary);
  const writer = new Writer(64);
  tables.writeAttributeIndexes(writer, 1, list);
  tables.writeAttributeIndexes(writer, 1, 1 << 20);
  expect(dictionary.restOfLines(names)).toBe(0);
  expect(writer.finish().length).toBeLessThan(64);
});
