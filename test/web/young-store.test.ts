import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { StatusAnswer } from "../../src/query/api.ts";
import { hasNoBrowser, keepPicture, NOW, PageBench, parameter } from "./page-under-test.ts";

const AGE_MS = 40_000;

describe.skipIf(hasNoBrowser)("the page of a podflame that has just started", () => {
  let bench: PageBench;
  let page: Page;
  beforeAll(async () => {
    bench = await PageBench.start({ samplesMs: AGE_MS });
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await page.context().close();
    expect(bench.complaints.splice(0)).toEqual([]);
  });

  test("shows the time that there are samples of, not the empty quarter of an hour before", async () => {
    page = await bench.blank();
    const times: string[] = [];
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (/\/(?:tree|timeline|flamegraph)$/.test(url.pathname)) times.push(url.searchParams.get("from")!);
    });
    await bench.goto(page, "");
    await page.getByRole("treeitem").first().waitFor({ state: "attached" });
    expect(new Set(times).size).toBe(1);
    expect(NOW - Number(times[0])).toBeGreaterThan(AGE_MS / 2);
    expect(NOW - Number(times[0])).toBeLessThanOrEqual(AGE_MS);
    expect(await page.locator(".selected-row .amount").innerText()).toMatch(/cores · Last \d\d s$/);
    // The address says what was chosen, so that the range grows to it.
    expect(parameter(page, "from")).toBeNull();
    await keepPicture(page, "young");
  });

  test("compares the halves of what there is, not with a time that nothing is known of", async () => {
    page = await bench.open("?view=diff");
    await page.locator(".headline").waitFor();
    await expect.poll(() => parameter(page, "from")).toMatch(/^now-(?:19|20)s$/);
    expect(parameter(page, "other_to")).toBe(parameter(page, "from"));
    expect(parameter(page, "other_from")).toMatch(/^now-(?:39|40)s$/);
    for (const name of ["Before", "After"]) {
      const used = page.getByRole("region", { name, exact: true }).locator("header .number");
      await expect.poll(() => used.innerText()).toMatch(/^(?!0 )[\d.]+\scores$/);
    }
    await keepPicture(page, "young-compare");
  });

  test("waits for the first samples, and has them as soon as they are there", async () => {
    page = await bench.blank();
    let empty = true;
    await page.route("**/api/v1/status", async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as StatusAnswer;
      await route.fulfill({ json: empty ? { ...answer, oldest: undefined } : answer });
    });
    await page.route("**/api/v1/tree?*", async (route) => {
      const url = new URL(route.request().url());
      if (empty) url.searchParams.set("query", '{namespace="of nobody"}');
      await route.continue({ url: url.href });
    });
    await bench.goto(page, "");
    await page.getByRole("heading", { name: "Waiting for the first samples." }).waitFor();
    empty = false;
    await page.getByRole("treeitem").first().waitFor({ state: "attached" });
  });
});
