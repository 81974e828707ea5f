import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
