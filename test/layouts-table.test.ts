/** The table of docs/layouts.md, made from the vectors of testdata/otlp-profiles. UPDATE_GOLDEN=1 writes it. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  detectLayout,
  LAYOUT_RELEASES,
  LAYOUTS,
  loadLayouts,
  loadTranscoder,
  ParseError,
  readProfiles,
  Refusal,
  type Layout,
  type ProfilesModel,
} from "#otlp";
import { BufferPool } from "#wire";
import { contentOf } from "../src/otlp/upgrade/testing/content.ts";
import { content, type Description, type Vector, VECTORS } from "./cli/vectors.ts";
import { ROOT } from "./cli/podflame.ts";

const PAGE = join(ROOT, "docs/layouts.md");
const { profilesJsonToProtobuf, describeProfiles } = await loadTranscoder();
const { upgradeProfiles, writeProfiles, WRITABLE_LAYOUTS } = await loadLayouts();

const layoutOf = ({ file }: Vector): Layout => basename(dirname(file)).toUpperCase() as Layout;
/** The one that must be refused is counted by its own test. */
const readable = VECTORS.filter(({ expected }) => expected.verdict !== "unresolvable");
const ofLayout = (layout: Layout, ending: string): Vector[] =>
  readable.filter((one) => layoutOf(one) === layout && one.file.endsWith(ending));

function readProtobuf({ path }: Vector): ProfilesModel {
  const bytes = readFileSync(path);
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) throw new Error(detection.message);
  return modelOf(bytes, detection.layout);
}

function modelOf(bytes: Uint8Array, layout: Layout): ProfilesModel {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

function readJson({ path }: Vector): ProfilesModel {
  const transcoded = profilesJsonToProtobuf(readFileSync(path), new BufferPool());
  if (transcoded instanceof Refusal || transcoded instanceof ParseError) throw new Error(transcoded.message);
  return modelOf(transcoded.buffer.bytes, transcoded.detection.layout);
}

function isAsExpected(model: ProfilesModel, { expected, file }: Vector): boolean {
  // Names of JSON keys are the same in 1.9 and later.
  const { layouts } = expected;
  const recognized = layouts.includes("any") || layouts.includes(model.layout) || file.endsWith(".json");
  return recognized && same(content(describeProfiles(model) as unknown as Description), content(expected));
}

function isUpgraded(vector: Vector): boolean {
  const model = readProtobuf(vector);
  const upgraded = writeProfiles(upgradeProfiles(model).model, "D10");
  return !(upgraded instanceof ParseError) && same(contentOf(modelOf(upgraded.bytes, "D10")), contentOf(model));
}

function isWritten(vector: Vector, layout: Layout): boolean {
  const writable = WRITABLE_LAYOUTS.find((one) => one === layout);
  if (writable === undefined) return false;
  const newest = upgradeProfiles(readProtobuf(vector)).model;
  const written = writeProfiles(newest, writable);
  return !(written instanceof ParseError) && same(contentOf(modelOf(written.bytes, layout)), contentOf(newest));
}

function same(left: unknown, right: unknown): boolean {
  try {
    expect(left).toEqual(right);
    return true;
  } catch {
    return false;
  }
}

/** `3 of 3` */
function share(vectors: readonly Vector[], holds: (vector: Vector) => boolean): string {
  return vectors.length === 0 ? "–" : `${vectors.filter(holds).length} of ${vectors.length}`;
}

function tableOf(): string {
  const newest = readable.filter(({ file }) => file.endsWith(".pb"));
  const rows = LAYOUTS.map((layout) => {
    const cells = [
      `${layout} (${LAYOUT_RELEASES[layout]})`,
      share(ofLayout(layout, ".pb"), (vector) => isAsExpected(readProtobuf(vector), vector)),
      share(ofLayout(layout, ".pb"), isUpgraded),
      (WRITABLE_LAYOUTS as readonly Layout[]).includes(layout)
        ? share(newest, (vector) => isWritten(vector, layout))
        : "not written",
      share(ofLayout(layout, ".json"), (vector) => isAsExpected(readJson(vector), vector)),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| layout | reading | upgrading | writing | OTLP/JSON |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

describe("docs/layouts.md", () => {
  const table = tableOf();

  test("has the table that the vectors give", () => {
    const page = readFileSync(PAGE, "utf8");
    const whole = page.replace(/<!-- table -->[^]*<!-- \/table -->/, `<!-- table -->\n\n${table}\n\n<!-- /table -->`);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(PAGE, whole);
    else expect(page).toBe(whole);
  });

  test("has a table in which nothing fails", () => {
    const shares = [...table.matchAll(/(\d+) of (\d+)/g)];
    expect(shares.length).toBeGreaterThan(25);
    expect(shares.filter(([, good, all]) => good !== all).map(([whole]) => whole)).toEqual([]);
  });
});
