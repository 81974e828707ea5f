import type { Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasNoBrowser, keepPicture, PageBench, parameter } from "./page-under-test.ts";

describe.skipIf(hasNoBrowser)("the page while something is missing", () => {
  let bench: PageBench;
  let page: Page;
  beforeAll(async () => {
    bench = await PageBench.start({
      mode: {
        kind: "recorded",
        reason: "BPF needs privileges that this process doesn't have.",
        remedy: "Start it as root: sudo npx podflame up.",
      },
      files: [
        { name: "sorting.folded", bytes: 60, read: () => Promise.resolve(Buffer.from("main;sort 70\nmain;hash 30\n")) },
        { name: "idle.folded", bytes: 8, read: () => Promise.resolve(Buffer.from("idle 1\n")) },
      ],
    });
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await page.context().close();
    expect(bench.complaints.splice(0)).toEqual([]);
  });
  const blank = async (): Promise<void> => {
    page = await bench.blank();
  };

  test("says what to do where there are no samples", async () => {
    await blank();
    await bench.goto(page, "?from=1000000000000&to=1000000900000");
    await page.getByRole("heading", { name: "No samples in this time." }).waitFor();
    await keepPicture(page, "empty");
    await page.getByRole("button", { name: "Last 24 h" }).click();
    expect(parameter(page, "from")).toBe("now-24h");
  });

  test("says that data are recorded, why, and how to get live", async () => {
    await blank();
    await bench.goto(page, "");
    const banner = page.locator(".banner");
    await banner.waitFor();
    expect(await banner.innerText()).toMatch(/Recorded data\. BPF needs privileges .* sudo npx podflame up/);
    await page.getByRole("button", { name: "Dismiss" }).click();
    await banner.waitFor({ state: "detached" });
  });

  test("lists the files that it was started with and opens the one that is asked for", async () => {
    await blank();
    await bench.goto(page, "?view=files&file=0");
    await page.getByRole("treeitem", { name: /^sort, total 70/ }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "idle.folded", exact: true }).click();
    await page.getByRole("treeitem", { name: /^idle, total 1/ }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Close idle.folded" }).click();
    await page.getByRole("treeitem", { name: /^sort, total 70/ }).waitFor({ state: "attached" });
  });

  test("shows an error with its remedy, and tries again", async () => {
    await blank();
    let broken = true;
    await page.route("**/api/v1/flamegraph*", (route) =>
      broken
        ? route.fulfill({
            status: 400,
            json: {
              error: {
                kind: "limit",
                message: "The selection has more than 10,000 series.",
                remedy: "Select a namespace.",
              },
            },
          })
        : route.continue(),
    );
    await bench.goto(page, "");
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(/more than 10,000 series\.[\s\S]*Select a namespace\./);
    await keepPicture(page, "error");
    broken = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await alert.waitFor({ state: "detached" });
  });

  test("says that no server answers", async () => {
    await blank();
    await page.route("**/api/v1/tree*", (route) => route.abort());
    await bench.goto(page, "");
    await page.getByText("podflame's server doesn't answer.").waitFor();
  });

  test("tells how long a slow query takes, and lets it be cancelled", async () => {
    await blank();
    const held: Route[] = [];
    await page.route("**/api/v1/flamegraph*", (route) => void held.push(route));
    await bench.goto(page, "");
    const waiting = page.getByText(/Loading the flame graph… [\d.]+ s/);
    await waiting.waitFor();
    await keepPicture(page, "loading");
    const cancelled = page.waitForEvent("requestfailed");
    await page.getByRole("button", { name: "Cancel" }).click();
    expect((await cancelled).url()).toContain("/flamegraph");
    await page.getByText("Cancelled.").waitFor();
    await page.unroute("**/api/v1/flamegraph*");
    await page.getByRole("button", { name: "Load again" }).click();
    await page.locator(".headline").waitFor();
    expect(held).toHaveLength(1);
  });
});
