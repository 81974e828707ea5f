import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { ModelBuilder, type ProfilesModel } from "#otlp";
import { readFolded } from "../folded.ts";
import { readPprof } from "../pprof-reader.ts";
import { ChromiumPage } from "../testing/chromium.ts";
import { CallTreeBuilder } from "./call-tree.ts";
import { writeFlameGraph } from "./write.ts";

const STACKS = [
  "main;alpha;leaf 40",
  "main;alpha;other_[k] 10",
  "main;beta;leaf 30",
  "main;beta 15",
  "idle;</script><script>alert(1)</script> 5",
].join("\n");

const html = (model: ProfilesModel, options = {}): string => Buffer.from(writeFlameGraph(model, options)).toString();
const folded = (text: string): ProfilesModel => readFolded(Buffer.from(text)) as ProfilesModel;

describe("the flame graph's file", () => {
  test("has everything inside, and no way out of its data", () => {
    const page = html(folded(STACKS), { title: "</title><script>{{data}}" });
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page).not.toMatch(/\b(?:src|href)=|url\(|@import|https?:\/\//);
    expect(page).not.toMatch(/\son\w+="/);
    expect(page).not.toMatch(/\sstyle="/);
    expect(page).not.toMatch(/\{\{(?!data)\w+\}\}/);
    expect(dataOf(page).title).toBe("</title><script>{{data}}");
  });

  test("holds all types of a heap profile in one tree, the default one first", () => {
    const data = dataOf(html(readPprof(goHeap()) as ProfilesModel));
    expect(data.types.map(({ type }) => type)).toEqual([
      "inuse_space",
      "alloc_objects",
      "alloc_space",
      "inuse_objects",
    ]);
    for (const totals of data.totals) expect(totals).toHaveLength(data.frame.length);
    expect(data.depth[0]).toBe(0);
    data.depth.slice(1).forEach((depth, at) => expect(depth).toBeLessThanOrEqual(data.depth[at]! + 1));
  });

  test("can be written of nothing", () => {
    expect(dataOf(html(new ModelBuilder().finish([]))).frame).toEqual([-1]);
  });
});

test("a call tree too large leaves the smallest nodes out, never their callers", () => {
  const builder = new CallTreeBuilder(2);
  for (let leaf = 0; leaf < 1000; leaf++) builder.add([1, 2000 + leaf], leaf % 2, leaf + 1);
  const tree = builder.finish(String, 100);
  expect(tree.frame.length).toBeLessThanOrEqual(100);
  expect(tree.frame.length).toBeGreaterThan(80);
  expect(tree.frame.slice(0, 2)).toEqual([-1, 1]);
  expect(tree.pruned + tree.frame.length).toBe(1002);
  expect(tree.totals[0]![0]! + tree.totals[1]![0]!).toBe(500_500);
});

describe.skipIf(!hasProgram("chromium", "--version"))("the flame graph in a browser", { timeout: 30_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "podflame-flame-graph-"));
  const file = join(folder, "page.html");
  let page: ChromiumPage;
  const status = (): Promise<unknown> => page.evaluate("document.getElementById('status').textContent");
  const matched = (): Promise<unknown> => page.evaluate("document.getElementById('matched').textContent");

  beforeAll(async () => {
    writeFileSync(file, html(folded(STACKS)));
    page = await ChromiumPage.open(file);
    await page.evaluate("document.getElementById('graph').focus()");
  }, 30_000);

  afterAll(async () => {
    await page[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("walks by arrows, and says where it is", async () => {
    expect(await status()).toBe("all · total 100 samples (100.0 %), self 0 samples (0 %) · depth 0");
    await page.press("ArrowDown");
    expect(await status()).toMatch(/^main · total 95 samples \(95.0 %\)/);
    await page.press("ArrowDown");
    await page.press("ArrowRight");
    expect(await status()).toMatch(/^beta · total 45 samples \(45.0 %\), self 15 samples \(15.0 %\) · depth 2/);
    await page.press("ArrowLeft");
    await page.press("ArrowUp");
    expect(await status()).toMatch(/^main /);
  });

  test("zooms by Enter and minus, and back by Escape", async () => {
    const disabled = (): Promise<unknown> => page.evaluate("document.getElementById('reset').disabled");
    await page.press("ArrowDown");
    await page.press("Enter");
    expect(await disabled()).toBe(false);
    await page.press("-");
    expect(await status()).toMatch(/^main /);
    await page.press("+");
    await page.press("Escape");
    expect(await disabled()).toBe(true);
    expect(await status()).toMatch(/^all /);
  });

  test("searches by regular expression from the slash key, and counts nothing twice", async () => {
    await page.press("/");
    for (const key of "^(leaf|alpha)$") await page.press(key);
    expect(await matched()).toBe("80.0 % matched");
    await page.press("(");
    expect(await matched()).toBe("invalid expression");
    await page.press("Escape");
    expect(await matched()).toBe("");
    expect(await page.evaluate("document.activeElement.id")).toBe("graph");
  });

  test("turns upside down", async () => {
    await page.press("i");
    await page.press("ArrowDown");
    expect(await status()).toMatch(/^leaf · total 70 samples \(70.0 %\) · depth 1/);
    await page.press("ArrowDown");
    expect(await status()).toMatch(/^alpha · total 40 samples/);
    await page.press("i");
  });

  test("zooms where one clicks, and shows a tooltip", async () => {
    const { x, y } = (await page.evaluate(
      "(({ x, y }) => ({ x, y }))(document.getElementById('graph').getBoundingClientRect())",
    )) as { x: number; y: number };
    await page.mouse("mouseMoved", x + 300, y + 30);
    expect(await page.evaluate("document.getElementById('tooltip').innerText")).toMatch(/^main\ntotal 95 samples/);
    await page.mouse("mousePressed", x + 300, y + 30);
    await page.mouse("mouseReleased", x + 300, y + 30);
    expect(await status()).toMatch(/^main /);
    await page.press("Escape");
  });

  test("draws, in both themes", async () => {
    const light = await page.screenshot();
    await page.evaluate("document.getElementById('theme').click()");
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    const dark = await page.screenshot();
    expect(dark.equals(light)).toBe(false);
    const colors = await page.evaluate(
      "new Set(new Uint32Array(document.getElementById('graph').getContext('2d').getImageData(0, 0, 600, 80).data.buffer)).size",
    );
    expect(colors).toBeGreaterThan(20);
  });

  test("shows 50,000 nodes, and answers to a key at once", async () => {
    const lines = Array.from({ length: 25_000 }, (_, at) => {
      const frames = Array.from({ length: 12 }, (_, depth) => `f${depth}_${(at * 7919) % 3 ** Math.min(depth, 7)}`);
      return `root${at % 5};${frames.join(";")} ${1 + (at % 50)}`;
    });
    const big = html(folded(lines.join("\n")));
    expect(dataOf(big).frame.length).toBeGreaterThan(50_000);
    writeFileSync(join(folder, "big.html"), big);
    await using other = await ChromiumPage.open(join(folder, "big.html"));
    await other.evaluate("document.getElementById('graph').focus()");
    const started = performance.now();
    for (let press = 0; press < 10; press++) await other.press(press % 2 === 0 ? "ArrowDown" : "Enter");
    // A key's answer takes 20 ms here; laying out all nodes for each key would take seconds where the machine is busy.
    expect((performance.now() - started) / 10).toBeLessThan(1000);
    expect(other.complaints).toEqual([]);
  });

  test("asked nobody for anything, and violated no policy", () => {
    expect(page.requests).toEqual([]);
    expect(page.complaints).toEqual([]);
  });
});

interface Data {
  readonly title: string;
  readonly types: readonly { readonly type: string; readonly unit: string }[];
  readonly frame: readonly number[];
  readonly depth: readonly number[];
  readonly totals: readonly (readonly number[])[];
}

function dataOf(page: string): Data {
  const json = /<script type="application\/json" id="profile">([^<]*)<\/script>/.exec(page)![1]!;
  return JSON.parse(json) as Data;
}

function goHeap(): Uint8Array {
  return readFileSync(new URL("../../../testdata/formats/go-heap.pb.gz", import.meta.url));
}
