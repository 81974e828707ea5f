import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readFolded, readPprof, readSpeedscope } from "../../src/formats/index.ts";
import { type ProfilesModel, readProfiles } from "../../src/otlp/index.ts";
import { ParseError } from "../../src/wire/index.ts";
import { hasProgram } from "../has-program.ts";
import { hasNoBrowser, PageBench } from "./page-under-test.ts";

const STACKS = "main;work;sort 30\nmain;work;hash 60\nmain;idle 10\n";
const CHECKOUT = encodeURIComponent('{namespace="checkout"}');
const COMPARISON = `?view=diff&query=${CHECKOUT}&other_query=${CHECKOUT}`;
const SPEEDSCOPE = join(dirname(createRequire(import.meta.url).resolve("speedscope/package.json")), "dist/release");

describe.skipIf(hasNoBrowser)("what is shown, saved for other tools", () => {
  let bench: PageBench;
  let page: Page;
  let folder: string;
  beforeAll(async () => {
    bench = await PageBench.start();
    page = await bench.blank();
    folder = mkdtempSync(join(tmpdir(), "podflame-exports-"));
    writeFileSync(join(folder, "stacks.folded"), STACKS);
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => {
    expect(bench.complaints.splice(0)).toEqual([]);
  });

  const openFile = async (): Promise<void> => {
    await bench.goto(page, "?view=files");
    await page.locator("input[type=file]").setInputFiles(join(folder, "stacks.folded"));
    await page.locator(".headline").waitFor();
  };
  const openComparison = async (): Promise<void> => {
    await bench.goto(page, COMPARISON);
    await page.locator(".headline").waitFor();
  };
  const saveAs = async (label: string): Promise<string> => {
    await page.getByRole("button", { name: "Share", exact: true }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator(".downloads").getByText(label, { exact: true }).click(),
    ]);
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    await page.locator(".share-menu").waitFor({ state: "detached" });
    return path;
  };
  const pprofTop = (path: string, ...options: string[]): string =>
    execFileSync("go", ["tool", "pprof", "-top", "-nodecount=500", ...options, path], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });

  describe("of a file", () => {
    test("our own readers find its stacks again in each format", async () => {
      await openFile();
      const [pprof, otlp, folded, speedscope] = [
        await saveAs("pprof"),
        await saveAs("OTLP"),
        await saveAs("Folded stacks"),
        await saveAs("speedscope"),
      ].map((path) => readFileSync(path));
      for (const model of [
        readPprof(pprof!),
        readProfiles(otlp!, "D10"),
        readFolded(folded!),
        readSpeedscope(speedscope!),
      ]) {
        expect(functionNames(model)).toEqual(expect.arrayContaining(["main", "work", "sort", "hash", "idle"]));
      }
      expect(folded!.toString().trim().split("\n").toSorted()).toEqual(STACKS.trim().split("\n").toSorted());
    });

    test("what was turned around is saved as it is shown", async () => {
      await openFile();
      await page.locator("body").press("i");
      await expect.poll(() => page.locator('[role="treeitem"][aria-level="2"]').first().textContent()).toMatch(/^hash/);
      const folded = readFileSync(await saveAs("Folded stacks"), "utf8");
      expect(folded.trim().split("\n").toSorted()).toEqual(["hash;work;main 60", "idle;main 10", "sort;work;main 30"]);
    });

    test.skipIf(!hasProgram("go", "version"))("go tool pprof sums what it holds", async () => {
      await openFile();
      const rows = pprofTop(await saveAs("pprof"));
      expect(rows).toMatch(/^\s*60\s+60.*\shash$/m);
      expect(rows).toMatch(/\s90\s+90\.00%\s+work$/m);
    });

    test("speedscope opens it, with every function's numbers", async () => {
      await openFile();
      const shown = await inSpeedscope(bench, await saveAs("speedscope"));
      expect(shown).toEqual(
        expect.arrayContaining([expect.stringMatching(/60.*\bhash$/), expect.stringMatching(/90.*\bwork$/)]),
      );
    });
  });

  describe("of a comparison", () => {
    test("both sides are there for our own readers", async () => {
      await openComparison();
      const otlp = readProfiles(readFileSync(await saveAs("OTLP")), "D10");
      expect(functionNames(otlp)).toContain("main.goOuter");
      const lines = readFileSync(await saveAs("Folded stacks"), "utf8")
        .trim()
        .split("\n");
      expect(lines.every((line) => / \d+ \d+$/.test(line))).toBe(true);
    });

    test.skipIf(!hasProgram("go", "version"))("go tool pprof shows either side", async () => {
      await openComparison();
      const path = await saveAs("pprof");
      expect(pprofTop(path, "-sample_index=cpu")).toMatch(/main\.goOuter/);
      expect(pprofTop(path, "-sample_index=cpu_other")).toMatch(/main\.goOuter/);
    });

    test("speedscope opens it", async () => {
      await openComparison();
      const shown = await inSpeedscope(bench, await saveAs("speedscope"));
      expect(shown.some((row) => row.endsWith("main.fib"))).toBe(true);
    });
  });

  test("what the server exports of a selection is opened by speedscope", async () => {
    await bench.goto(page, `?query=${CHECKOUT}`);
    await page.locator(".headline").waitFor();
    const shown = await inSpeedscope(bench, await saveAs("speedscope"));
    expect(shown.some((row) => row.endsWith("main.fib"))).toBe(true);
  });
});

/** Opens a file in speedscope itself and gives the rows of its table of functions. */
async function inSpeedscope(bench: PageBench, path: string): Promise<string[]> {
  const page = await bench.blank();
  try {
    await page.route("http://speedscope.test/**", (route) => {
      const name = new URL(route.request().url()).pathname;
      return route.fulfill({ path: join(SPEEDSCOPE, name === "/" ? "index.html" : name) });
    });
    await page.goto("http://speedscope.test/");
    await page.locator("input[type=file]").first().setInputFiles(path);
    await page.getByText("Sandwich").click();
    await page.locator("tr:has(td):not([title])").first().waitFor();
    return await page
      .locator("tr:has(td):not([title])")
      .allInnerTexts()
      .then((rows) => rows.map((row) => row.replace(/\s+/g, " ").trim()));
  } finally {
    await page.context().close();
  }
}

function functionNames(read: ProfilesModel | ParseError): readonly string[] {
  if (read instanceof ParseError) throw new Error(read.message);
  const { functions, strings } = read.dictionary;
  return [...functions.name.subarray(0, functions.length)].map((name) => strings.text(name));
}
