/**
 * The behaviours of the Collector's `k8s_attributes`, one row each, against the real processor: from YAML and the JSON of
 * the API server to the bytes that leave. `docs/compatibility.md` is made of the same rows.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { describe, expect, test } from "vitest";
import { referenceProblem } from "./references.ts";
import { report, wishes } from "./report.ts";
import { type Case, chapters, unknownKeys } from "./row.ts";
import { runCase } from "./run-case.ts";

for (const { title, rows, objects } of chapters()) {
  const held = rows.filter(({ cases = [] }) => cases.length > 0);
  if (held.length === 0) continue;
  describe(title, () => {
    for (const row of held) {
      const { cases = [] } = row;
      test(`${row.row}: ${row.says}`, async () => {
        for (const [at, each] of cases.entries()) {
          await runCase(each, objects).catch((error: unknown) => {
            throw described(error, each, at);
          });
        }
      });
    }
  });
}

test("every row is decided: by cases, by tests elsewhere, or by a reason", () => {
  for (const { rows } of chapters()) {
    for (const row of rows) {
      const isHeld = (row.cases?.length ?? 0) + (row.elsewhere?.length ?? 0) > 0;
      const isExcused = row.not_applicable !== undefined || row.open !== undefined;
      expect(unknownKeys(row), row.row).toEqual([]);
      expect(isHeld || isExcused, `${row.row} has neither cases nor a reason`).toBe(true);
    }
  }
});

test("tests that rows and wishes name are there", () => {
  const references = [
    ...chapters().flatMap(({ rows }) => rows.flatMap(({ elsewhere = [] }) => elsewhere)),
    ...wishes().flatMap(({ rows }) => rows.flatMap(({ held = [] }) => held)),
  ];
  expect(references.map(referenceProblem).filter((problem) => problem !== undefined)).toEqual([]);
  for (const { rows } of wishes()) {
    for (const { wish, state, held } of rows) expect(held !== undefined, wish).toBe(state === "solved");
  }
});

test("all of the catalogue's rows are here, each once", () => {
  const rows = chapters().flatMap((chapter) => chapter.rows.map(({ row }) => row));
  expect(new Set(rows).size).toBe(rows.length);
  expect(rows.filter((row) => !row.startsWith("OWN-"))).toHaveLength(147);
});

test("docs/compatibility.md is made of these rows", async () => {
  const file = join(import.meta.dirname, "../../docs/compatibility.md");
  const made = await format(report(chapters(), wishes()), { parser: "markdown", printWidth: 120 });
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, made);
  expect(readFileSync(file, "utf8"), "UPDATE_GOLDEN=1 writes it anew").toBe(made);
});

function described(error: unknown, { about }: Case, at: number): Error {
  const failed = error as Error;
  failed.message = `case ${at + 1}${about === undefined ? "" : ` (${about})`}: ${failed.message}`;
  return failed;
}
