import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { TreeAnswer } from "../../src/query/api.ts";
import { hasNoBrowser, NOW, PageBench, parameter } from "./page-under-test.ts";

describe.skipIf(hasNoBrowser)("the Kubernetes tree and the timeline in a browser", () => {
  let bench: PageBench;
  let page: Page;
  let answer: TreeAnswer;
  beforeAll(async () => {
    bench = await PageBench.start();
    page = await bench.blank();
    answer = (await (
      await fetch(`${bench.url}api/v1/tree?from=now-15m&to=now&type=cpu&limit=2000`)
    ).json()) as TreeAnswer;
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
  });
  afterEach(() => {
    expect(bench.complaints.splice(0)).toEqual([]);
  });
  const open = async (search = ""): Promise<void> => {
    await bench.goto(page, search);
    await page.locator(".resource-tree .row").first().waitFor();
  };
  const rows = () => page.locator(".resource-tree .row");
  const row = (name: string) => rows().filter({ has: page.getByText(name, { exact: true }) });
  const names = (): Promise<string[]> => page.locator(".resource-tree .row .text > span").allInnerTexts();

  test("shows cores and share on every row", async () => {
    await open();
    const root = answer.rows[0]!;
    const cells = await rows().first().getByRole("gridcell").allInnerTexts();
    expect(cells[0]).toContain(root.name);
    expect(Number(cells[2])).toBeCloseTo(root.cores!, 1);
    expect(cells[3]).toBe("100\u202f%");
  });

  test("adds up: host, kernel and what is unattributed are rows as well", async () => {
    await open();
    const table = await page.evaluate<[string, string][]>(`
      [...document.querySelectorAll(".resource-tree .row")].map((row) => [row.ariaLevel, row.children[2].textContent])
    `);
    const under = table.filter(([level]) => level === "3").map(([, cores]) => Number(cores.replace("<", "")));
    expect(under.reduce((a, b) => a + b, 0)).toBeCloseTo(answer.rows[0]!.cores!, 1);
    for (const name of ["Host processes", "Kernel", "Unattributed"]) expect(await names()).toContain(name);
  });

  test("opens and closes rows by arrows, and remembers it in the address", async () => {
    await open();
    const before = await rows().count();
    await row("orders").click();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => rows().count()).toBeGreaterThan(before);
    expect(parameter(page, "rows")).not.toBeNull();
    await page.reload();
    await expect.poll(() => rows().count()).toBeGreaterThan(before);
    await row("orders").focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => rows().count()).toBe(before);
  });

  test("selects by Enter what the graph then shows, and the path leads back up", async () => {
    await open();
    await rows().first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(parameter(page, "query")).toMatch(/namespace="/);
    const crumbs = page.getByRole("navigation", { name: "Selected" });
    await expect.poll(() => crumbs.getByRole("listitem").count()).toBe(3);
    await crumbs.getByRole("button").first().click();
    expect(parameter(page, "query")).toBeNull();
  });

  test("goes all the way down to processes", async () => {
    const process = answer.rows.find(({ level, depth }) => level === "process" && depth > 4)!;
    await open(`?query=${encodeURIComponent(process.query)}`);
    await expect.poll(() => page.locator(".selected-row h1").innerText()).toBe(process.name);
    await expect
      .poll(() => page.locator('[role="treeitem"][aria-level="2"]').allTextContents())
      .toEqual([expect.stringMatching(new RegExp(`^${process.name},`))]);
  });

  test("filters by name and sorts by name", async () => {
    await open();
    await page.getByRole("searchbox", { name: "Filter rows by name" }).fill("coredns");
    await expect.poll(names).toEqual(expect.arrayContaining(["coredns"]));
    expect(await names()).not.toContain("orders");
    await page.getByRole("searchbox", { name: "Filter rows by name" }).fill("no such row");
    await page.getByText("Nothing here has").waitFor();
    await open("?tree_sort=name");
    const namespaces = await page.locator(".resource-tree .row.namespace .text > span").allInnerTexts();
    expect(namespaces).toEqual(namespaces.toSorted());
  });

  test("can be put away", async () => {
    await open();
    await page.getByRole("button", { name: "Hide the tree" }).click();
    await page.locator(".resource-tree").waitFor({ state: "detached" });
    expect(parameter(page, "wide")).toBe("1");
  });

  test("has a timeline by what the selection consists of, in words too", async () => {
    await open();
    const chart = page.getByRole("img", { name: /Use over time/ });
    await chart.waitFor();
    expect(await chart.getAttribute("aria-label")).toMatch(
      /[\d.]+\scores on average, at most [\d.]+\scores, by .*Host processes/,
    );
  });

  test("selects a stretch of time by dragging over the timeline", async () => {
    await open();
    const plot = page.locator(".timeline .u-over");
    await plot.waitFor();
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + box.width / 4, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await expect.poll(() => parameter(page, "from")).toMatch(/^\d{13}$/);
    const length = Number(parameter(page, "to")) - Number(parameter(page, "from"));
    expect(length).toBeGreaterThan(3 * 60_000);
    expect(length).toBeLessThan(5 * 60_000);
    await page.getByRole("button", { name: "Paused" }).waitFor();
  });

  test("selects a part by its name in the legend", async () => {
    await open();
    await page.locator(".timeline .legend").getByRole("button", { name: "kube-system" }).click();
    await expect.poll(() => page.locator(".selected-row h1").innerText()).toBe("kube-system");
  });

  test("marks deployments, each with a way to compare it with what ran before", async () => {
    await open("?from=now-40m");
    const mark = page.locator(".marks li").filter({ hasText: "New revision" }).first();
    await mark.getByRole("button", { name: "compare" }).click();
    expect(parameter(page, "view")).toBe("diff");
    expect(parameter(page, "query")).toMatch(/revision="/);
    expect(parameter(page, "other_query")).toMatch(/revision!="/);
    await page.locator(".headline").waitFor();
    expect(await page.locator(".headline").innerText()).toMatch(/by itself/);
  });

  test("is live until it is paused, and again by p", async () => {
    await open();
    await page.getByRole("button", { name: "Live" }).click();
    expect([parameter(page, "from"), parameter(page, "to")]).toEqual([String(NOW - 900_000), String(NOW)]);
    await page.getByRole("button", { name: "Paused" }).waitFor();
    await page.locator("body").press("p");
    expect(parameter(page, "from")).toBe("now-900s");
    await page.getByRole("button", { name: "Live" }).waitFor();
  });

  test("asks for other times and types", async () => {
    await open();
    await page.getByRole("button", { name: "Last 15 min" }).click();
    await page.getByRole("button", { name: "Last 5 min" }).click();
    expect(parameter(page, "from")).toBe("now-5m");
    await page.getByLabel("Profile type").selectOption("off_cpu");
    expect(parameter(page, "type")).toBe("off_cpu");
    await expect.poll(() => page.locator(".selected-row .amount").innerText()).toMatch(/\d/);
  });

  test("takes two points in time", async () => {
    await open();
    await page.getByRole("button", { name: "Last 15 min" }).click();
    await page.getByLabel("From", { exact: true }).fill("2026-11-22T11:50:00");
    await page.getByLabel("To", { exact: true }).fill("2026-11-22T11:40:00");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.getByText("The start has to lie before the end.").waitFor();
    await page.getByLabel("To", { exact: true }).fill("2026-11-22T11:55:00");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    expect(parameter(page, "from")).toBe(String(NOW - 600_000));
    expect(parameter(page, "to")).toBe(String(NOW - 300_000));
  });

  test("says in words which path is hottest and who uses most by itself", async () => {
    await open();
    await expect
      .poll(() => page.locator(".headline").innerText())
      .toMatch(/Hottest path .+: [\d.]+\s%, [\d.]+\scores\. Most by itself: .+, [\d.]+\s%/);
    await page.locator(".headline .link").first().click();
    await page.getByRole("navigation", { name: "Zoomed to" }).waitFor();
  });
});
