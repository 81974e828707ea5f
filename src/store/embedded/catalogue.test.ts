import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { SeriesCatalog } from "../series/index.ts";
import { Catalogue, type Change } from "./catalogue.ts";

function emptyCatalogue(database = new DatabaseSync(":memory:")): Catalogue {
  // Its tables are beside those of the series.
  new SeriesCatalog(database);
  return new Catalogue(database);
}

function change(token: string, path: string): Change {
  const files = [{ kind: "rows", path, bytes: 10, crc: 1 }] as const;
  return { addBlocks: [{ token, step: 10, level: 0, from: 0, to: 10_000, rows: 1, isRolled: false, files }] };
}

test("a block whose token is there already is not added again, whatever its files are called", () => {
  const catalogue = emptyCatalogue();
  catalogue.commit(change("head-1-0", "10s/a"));
  catalogue.commit(change("head-1-0", "10s/b"));
  expect(catalogue.blocks.map(({ token, files }) => [token, files.map(({ path }) => path)])).toEqual([
    ["head-1-0", ["10s/a"]],
  ]);
  expect(catalogue.paths()).toEqual(new Set(["10s/a"]));
});

test("a change that can't be written as a whole changes nothing", () => {
  const catalogue = emptyCatalogue();
  catalogue.commit(change("head-1-0", "10s/a"));
  const samePath = { ...change("head-2-0", "10s/a"), journalSegment: 7 };
  expect(() => catalogue.commit(samePath)).toThrow("the store's catalogue can't be written");
  expect(catalogue.blocks).toHaveLength(1);
  expect(catalogue.journalSegment).toBe(0);
});
