import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasNoBrowser, keepPicture, PageBench } from "./page-under-test.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

const CHECKOUT = encodeURIComponent('{namespace="checkout"}');
const VIEWS: readonly (readonly [name: string, search: string, shown: string])[] = [
  ["explore", "", ".headline"],
  ["both", "?show=both&search=fib", ".function-table tbody tr"],
  ["table", "?show=table", ".function-table tbody tr"],
  ["sandwich", "?show=sandwich&function=main.fib", ".halves .flame"],
  ["compare", `?view=diff&show=both&query=${CHECKOUT}&other_query=${CHECKOUT}`, ".headline"],
  ["heat-map", "?view=heatmap&from=now-5m", ".heatmap canvas"],
  ["unattributed", "?view=unattributed", ".reason"],
  ["files", "?view=files", ".drop-zone"],
];

describe.skipIf(hasNoBrowser)("every view in a browser", () => {
  let bench: PageBench;
  const pages = new Map<string, Page>();
  beforeAll(async () => {
    bench = await PageBench.start();
    pages.set("wide", await bench.blank());
    pages.set("wide-dark", await bench.blank({ dark: true }));
    pages.set("narrow", await bench.blank({ width: 390, height: 844 }));
    pages.set("narrow-dark", await bench.blank({ width: 390, height: 844, dark: true }));
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    expect(bench?.complaints ?? []).toEqual([]);
  });

  // Both themes and both widths are looked at by axe; the other two are for the pictures.
  describe.each([
    ["wide", true],
    ["wide-dark", false],
    ["narrow", false],
    ["narrow-dark", true],
  ])("%s", (size, byAxe) => {
    test.each(VIEWS)("%s fits the width, and is fine with axe", async (name, search, shown) => {
      const page = pages.get(size)!;
      await bench.goto(page, search);
      await page.locator(shown).first().waitFor();
      // Comes after the rest: its script is loaded when it is needed.
      if (!search.includes("view=")) await page.locator(".timeline canvas").waitFor();
      await keepPicture(page, `${name}-${size}`);
      if (byAxe) expect(await violations(page)).toEqual([]);
      const widths = await page.evaluate<[number, number]>(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
      );
      expect(widths[0]).toBeLessThanOrEqual(widths[1]);
    });
  });

  test.each([
    ["help", async (page: Page) => page.locator("body").press("?")],
    ["share", async (page: Page) => page.getByRole("button", { name: "Share" }).click()],
    ["times", async (page: Page) => page.getByRole("button", { name: "Last 15 min" }).click()],
    ["view-options", async (page: Page) => page.getByRole("button", { name: "View", exact: true }).click()],
    ["selected", async (page: Page) => page.locator(".flame canvas").click({ position: { x: 200, y: 70 } })],
  ])("%s has nothing that axe finds", async (name, act) => {
    const page = pages.get("wide")!;
    await bench.goto(page, "");
    await page.locator(".headline").waitFor();
    await act(page);
    await keepPicture(page, name);
    expect(await violations(page)).toEqual([]);
  });

  test.each([
    ["light", false],
    ["dark", true],
  ])("a graph that was saved as a page has nothing that axe finds, %s", async (theme, dark) => {
    const page = pages.get("wide")!;
    await bench.goto(page, "");
    await page.locator(".headline").waitFor();
    await page.getByRole("button", { name: "Share" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator(".downloads").getByText("HTML page", { exact: true }).click(),
    ]);
    const folder = mkdtempSync(join(tmpdir(), "podflame-saved-page-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "saved.html");
    await download.saveAs(path);
    const alone = await bench.blank({ dark });
    await alone.goto(`file://${path}`);
    await alone.getByText("main.fib").first().waitFor({ state: "attached" });
    await keepPicture(alone, `saved-page-${theme}`);
    expect(await violations(alone)).toEqual([]);
    await alone.context().close();
  });

  test("a page that shall move little does: zooming is there at once", async () => {
    const page = pages.get("wide")!;
    await bench.goto(page, "");
    await page.locator(".headline").waitFor();
    const animations = await page.evaluate<number>("document.getAnimations().length");
    expect(animations).toBe(0);
  });
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<{ violations: Violation[] }>("axe.run(document, { resultTypes: ['violations'] })");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}
