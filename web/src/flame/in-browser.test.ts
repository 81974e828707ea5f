/**
 * The view and the worker in a real browser: what a recording surface cannot tell. Needs Chromium; see
 * `testing/bench-page`, which the benchmark shares.
 */
/// <reference types="node" />
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTranscoder, ParseError } from "#otlp";
import { serveBench } from "../../../bench/ui/bench-server.ts";
import { buildFlamePage } from "../../../bench/ui/pages.ts";
import { pprofFile } from "../../../bench/ui/profile-files.ts";
import { syntheticProfile } from "../../../bench/ui/synthetic-profile.ts";
import { hasProgram } from "../../../test/has-program.ts";
import { readFile } from "../files/read-file.ts";
import { buildTree } from "./build-tree.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { Bench } from "./testing/bench-page/main.ts";
import { COUNTS } from "./testing/random-stacks.ts";

const PROFILE = pprofFile(syntheticProfile({ stacks: 3000, functions: 200 }));

/** What the page has; the functions that use it run there. */
interface Globals {
  readonly bench: Bench;
}

async function openedHere(bytes: Uint8Array): Promise<{ format: string; stacks: number; total: number }> {
  const profile = await readFile(new Blob([bytes.slice()]), undefined, () => {});
  if (profile instanceof Error) throw profile;
  const { format, stacks, frames } = profile;
  return { format, stacks: stacks.length, total: buildTree(stacks, frames, COUNTS).total[0]! };
}

describe.skipIf(!hasProgram("chromium", "--version"))("in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "podflame-flame-"));
  const files = new Map<string, Uint8Array>([
    ["/profile.pb.gz", PROFILE],
    ["/broken.pb.gz", PROFILE.subarray(0, 500)],
  ]);
  let server: Awaited<ReturnType<typeof serveBench>>;
  let browser: Browser;
  let page: Page;
  let expected: FlameTree;

  beforeAll(async () => {
    const outDir = join(folder, "page");
    const observer = await buildFlamePage(outDir);
    server = await serveBench({ page: outDir }, files);
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
    page = await browser.newPage({ viewport: { width: 800, height: 400 }, deviceScaleFactor: 2 });
    await page.addInitScript({ content: observer });
    await page.goto(`${server.url}/page/index.html`);
    await page.waitForFunction("'bench' in globalThis");
    await page.evaluate("bench.openDropped('/profile.pb.gz')");
    const profile = await readFile(new Blob([PROFILE.slice()]), undefined, () => {});
    if (profile instanceof Error) throw profile;
    expected = buildTree(profile.stacks, profile.frames, COUNTS);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a dropped file becomes the tree that it becomes here", async () => {
    const columns = await page.evaluate(() => {
      const { tree } = (globalThis as unknown as Globals).bench.view;
      return {
        frame: Array.from(tree!.frame),
        total: Array.from(tree!.total),
        name: tree!.name(1),
        x: Array.from(tree!.x),
      };
    });
    expect(columns.frame).toEqual(Array.from(expected.frame));
    expect(columns.total).toEqual(Array.from(expected.total));
    expect(columns.x).toEqual(Array.from(expected.x));
    expect(columns.name).toBe(expected.name(1));
  });

  test("the canvas has a pixel for each of the device's", async () => {
    expect(await page.evaluate("[bench.view.canvas.width, bench.view.canvas.height]")).toEqual([1600, 800]);
  });

  test("a click zooms to what is under it and selects it, Backspace and Escape lead back", async () => {
    const bounds = await page.evaluate(() => (globalThis as unknown as Globals).bench.view.boundsOf(1));
    await page.mouse.click(bounds!.x + bounds!.width / 2, bounds!.y + 10);
    expect(await page.evaluate("[bench.view.zoomed, bench.view.selected]")).toEqual([1, 1]);
    const wide = await page.evaluate(() => (globalThis as unknown as Globals).bench.view.boundsOf(1));
    expect(wide).toMatchObject({ x: 0, width: 800 });
    expect(await page.evaluate("bench.view.boundsOf(2)")).toBeUndefined();
    await page.evaluate("bench.view.key('Backspace')");
    expect(await page.evaluate("bench.view.zoomed")).toBe(0);
    expect(await page.evaluate("bench.view.key('q')")).toBe(false);
  });

  test("keys move the selection, and bring what was too narrow to be drawn into view", async () => {
    const shown = await page.evaluate(() => {
      const { view } = (globalThis as unknown as Globals).bench;
      view.select(0);
      view.key("ArrowDown");
      const first = view.selected;
      // The last node is the narrowest of the deepest level.
      const last = view.tree!.length - 1;
      view.select(last, { reveal: true });
      const bounds = view.boundsOf(last);
      const items = view.visibleNodes(10_000).map(({ node }) => node);
      view.reset();
      return { first, width: bounds!.width, listed: items.includes(last) };
    });
    expect(shown.first).toBe(1);
    expect(shown.width).toBeGreaterThanOrEqual(3);
    expect(shown.listed).toBe(true);
  });

  test("the wheel zooms with ctrl around its place, and pans with shift", async () => {
    const spans = await page.evaluate(() => {
      const { view } = (globalThis as unknown as Globals).bench;
      const wheel = (init: WheelEventInit): void => {
        view.canvas.dispatchEvent(new WheelEvent("wheel", { clientX: 400, clientY: 50, cancelable: true, ...init }));
      };
      const before = { ...view.viewport };
      wheel({ deltaY: -200, ctrlKey: true });
      const zoomed = { ...view.viewport };
      wheel({ deltaY: 80, shiftKey: true });
      const panned = { ...view.viewport };
      view.reset();
      return { before, zoomed, panned };
    });
    expect(spans.zoomed.span).toBeLessThan(spans.before.span * 0.7);
    expect(spans.zoomed.left + spans.zoomed.span / 2).toBeCloseTo(spans.before.left + spans.before.span / 2, 3);
    expect(spans.panned.left).toBeCloseTo(spans.zoomed.left + spans.zoomed.span / 10, 3);
  });

  test("searches that overtake each other all get the last one's answer", async () => {
    const texts = await page.evaluate(async () => {
      const blob = await (await fetch("/profile.pb.gz")).blob();
      const opened = await (globalThis as unknown as Globals).bench.openFile(blob);
      const answers = await Promise.all(
        ["a", "al", "all", "alloc"].map((text) => opened.search({ text, regex: false })),
      );
      opened.close();
      return answers.map((answer) => ("problem" in answer ? "" : answer.query.text));
    });
    expect(texts).toEqual(["a", "alloc", "alloc", "alloc"]);
  });

  test("transformations, functions and exports come from the worker as well", async () => {
    const answers = await page.evaluate(async () => {
      const { openFile, exportGraph, engineOf } = (globalThis as unknown as Globals).bench;
      const opened = await openFile(await (await fetch("/profile.pb.gz")).blob());
      const inverted = await opened.transform([{ kind: "invert" }]);
      const { whole } = await opened.functions();
      const text = await (await exportGraph(opened, "folded")).text();
      const lines = text.trim().split("\n").length;
      // The same tree as if it came from the server: equal stacks are one line.
      const merged = await (await exportGraph(engineOf(opened.tree), "folded")).text();
      const sum = merged
        .trim()
        .split("\n")
        .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(" "))), 0);
      const aborted = await exportGraph(opened, "pprof", { signal: AbortSignal.abort(new Error("no more")) }).then(
        () => "saved",
        (error: Error) => error.message,
      );
      const total = inverted!.tree.total[0];
      inverted!.close();
      opened.close();
      const after = await opened.functions().then(
        () => "answered",
        (error: Error) => error.message,
      );
      return { total, whole, lines, sum, aborted, after };
    });
    expect(answers).toEqual({
      total: expected.total[0],
      whole: expected.total[0],
      lines: 3000,
      sum: expected.total[0],
      aborted: "no more",
      after: "the file was closed",
    });
  });

  test.each([
    ["OTLP", "captures/ebpf-20hz-grpc.binpb"],
    ["OTLP of early agents", "otlp-profiles/e/l1.protobuf-go.pb"],
    ["perf script", "formats/perf-script-default.txt"],
    ["pprof", "formats/go-heap.pb.gz"],
  ])("the worker reads %s as the tests of it do", async (_, path) => {
    const bytes = readFileSync(new URL(`../../../testdata/${path}`, import.meta.url));
    files.set("/file", bytes);
    expect(await openedInPage()).toEqual(await openedHere(bytes));
  });

  test("the worker reads OTLP as JSON lines, which take more of Node than a browser has", async () => {
    const { protobufToJson } = await loadTranscoder();
    const capture = readFileSync(new URL("../../../testdata/captures/ebpf-20hz-grpc.binpb", import.meta.url));
    const json = protobufToJson("profiles", capture);
    if (json instanceof ParseError) throw json;
    const line = `${JSON.stringify(JSON.parse(json))}\n`;
    files.set("/file", new TextEncoder().encode(line + line));
    const { total, ...rest } = await openedInPage();
    expect(rest.format).toBe("otlp-json D10, 2 requests");
    expect(total).toBe(2 * (await openedHere(capture)).total);
  });

  /** What a worker of the page finds in /file. */
  function openedInPage(): Promise<{ format: string; stacks: number; total: number }> {
    return page.evaluate(async () => {
      const { openFile } = (globalThis as unknown as Globals).bench;
      const opened = await openFile(await (await fetch("/file")).blob());
      opened.close();
      return { format: opened.format, stacks: opened.stacks, total: opened.tree.total[0]! };
    });
  }

  test("a broken file is told with a remedy, a cancelled one ends at once", async () => {
    const told = await page.evaluate(async () => {
      const { openFile } = (globalThis as unknown as Globals).bench;
      const reasonOf = (promise: Promise<unknown>): Promise<{ message: string; remedy?: string }> =>
        promise.then(
          () => ({ message: "opened" }),
          (error: { message: string; remedy?: string }) => ({ message: error.message, remedy: error.remedy }),
        ) as Promise<{ message: string; remedy?: string }>;
      const broken = await reasonOf(openFile(await (await fetch("/broken.pb.gz")).blob()));
      const abort = new AbortController();
      const running = reasonOf(openFile(await (await fetch("/profile.pb.gz")).blob(), { signal: abort.signal }));
      abort.abort(new Error("not wanted any more"));
      return { broken, cancelled: await running };
    });
    expect(told.broken.message).toMatch(/^the gzip file is broken/);
    expect(told.broken.remedy).toBe("download it anew");
    expect(told.cancelled.message).toBe("not wanted any more");
  });

  test("the picture is saved as PNG and as SVG", async () => {
    const saved = await page.evaluate(async () => {
      const { view } = (globalThis as unknown as Globals).bench;
      const png = new Uint8Array(await (await view.exportPng()).arrayBuffer());
      const svg = new DOMParser().parseFromString(view.exportSvg("a <title>"), "image/svg+xml");
      return {
        png: Array.from(png.subarray(1, 4)),
        root: svg.documentElement.nodeName,
        groups: svg.querySelectorAll("g").length,
      };
    });
    expect(saved.png).toEqual(Array.from(new TextEncoder().encode("PNG")));
    expect(saved.root).toBe("svg");
    expect(saved.groups).toBeGreaterThan(50);
  });
});
