import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Download, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readFolded, readPprof, readSpeedscope } from "../../src/formats/index.ts";
import { readProfiles } from "../../src/otlp/index.ts";
import { hasProgram } from "../has-program.ts";
import { hasNoBrowser, NOW, PageBench, parameter } from "./page-under-test.ts";

const CHECKOUT = encodeURIComponent('{namespace="checkout"}');

describe.skipIf(hasNoBrowser)("the other views in a browser", () => {
  let bench: PageBench;
  let page: Page;
  let folder: string;
  beforeAll(async () => {
    bench = await PageBench.start();
    page = await bench.blank();
    folder = mkdtempSync(join(tmpdir(), "podflame-downloads-"));
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => {
    expect(bench.complaints.splice(0)).toEqual([]);
  });
  const saved = async (pressed: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> => {
    const [download] = (await Promise.all([page.waitForEvent("download"), pressed()])) as [Download, void];
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    return { name: download.suggestedFilename(), bytes: readFileSync(path) };
  };
  const saveAs = async (label: string): Promise<{ name: string; bytes: Buffer }> => {
    await page.getByRole("button", { name: "Share" }).click();
    return saved(() => page.locator(".downloads").getByText(label, { exact: true }).click());
  };

  describe("comparison", () => {
    const both = `?view=diff&query=${CHECKOUT}&other_query=${CHECKOUT}`;

    test("says what each side used and which function changed most", async () => {
      await bench.goto(page, both);
      await page.locator(".headline").waitFor();
      for (const name of ["Before", "After"]) {
        expect(await page.getByRole("region", { name, exact: true }).innerText()).toMatch(/[\d.]+\scores/);
      }
      expect(await page.locator(".headline").innerText()).toMatch(/(Grew|Shrank) most.*[\d.]+\s% → [\d.]+\s%/);
    });

    test("lists new, gone and changed functions", async () => {
      const pricing = encodeURIComponent('{workload_name="pricing"}');
      const orders = encodeURIComponent('{workload_name="orders"}');
      await bench.goto(
        page,
        `?view=diff&show=table&query=${pricing}&other_query=${orders}&other_from=now-15m&other_to=now`,
      );
      const changes = page.locator(".function-table tbody td.change");
      await changes.first().waitFor();
      await page.getByRole("button", { name: "New", exact: true }).click();
      await expect.poll(async () => [...new Set(await changes.allInnerTexts())]).toEqual(["new"]);
      await page.getByRole("button", { name: "Gone", exact: true }).click();
      await expect.poll(async () => [...new Set(await changes.allInnerTexts())]).toEqual(["gone"]);
      await page.getByRole("button", { name: "Changed", exact: true }).click();
      await expect.poll(async () => (await changes.allInnerTexts()).some((text) => /new|gone/.test(text))).toBe(false);
    });

    test("opens one side with one click", async () => {
      await bench.goto(page, both);
      await page.getByRole("region", { name: "Before", exact: true }).getByRole("button", { name: "Open" }).click();
      await expect.poll(() => parameter(page, "view")).toBeNull();
      await expect.poll(() => [parameter(page, "from"), parameter(page, "to")]).toEqual(["now-30m", "now-15m"]);
    });

    test("swaps its sides, and compares shares or amounts", async () => {
      await bench.goto(page, `${both}&from=now-5m`);
      await page.getByRole("button", { name: "Swap" }).click();
      await expect.poll(() => [parameter(page, "from"), parameter(page, "other_from")]).toEqual(["now-30m", "now-5m"]);
      await page.getByRole("button", { name: "Amounts" }).click();
      await expect.poll(() => parameter(page, "relative")).toBe("0");
      await page.locator(".headline").waitFor();
    });

    test("is a key away from what is selected: with the same time before", async () => {
      await bench.goto(page, `?query=${CHECKOUT}&from=now-10m`);
      await page.locator(".headline").waitFor();
      await page.locator("body").press("d");
      await expect.poll(() => parameter(page, "view")).toBe("diff");
      await expect
        .poll(() => [parameter(page, "other_from"), parameter(page, "other_to")])
        .toEqual(["now-1200s", "now-600s"]);
      await expect.poll(() => parameter(page, "other_query")).toBe('{namespace="checkout"}');
      await page.locator("body").press("d");
      await expect.poll(() => parameter(page, "view")).toBeNull();
    });

    test("takes filters from the labels that there are", async () => {
      await bench.goto(page, "?view=diff");
      const after = page.getByRole("region", { name: "After", exact: true });
      await after.getByRole("button", { name: "Add filter" }).click();
      await after.getByLabel("Label", { exact: true }).fill("namespace");
      await page.locator('datalist option[value="checkout"]').waitFor({ state: "attached" });
      await after.getByLabel("Value", { exact: true }).fill("checkout");
      await after.getByRole("button", { name: "Add", exact: true }).click();
      await expect.poll(() => parameter(page, "query")).toBe('{namespace="checkout"}');
    });
  });

  describe("heat map", () => {
    test("opens the flame graph of a burst that is dragged over", async () => {
      await bench.goto(page, "?view=heatmap&from=now-2m");
      const box = (await page.locator(".heatmap .plot > canvas").boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2 + 30, box.y + 20, { steps: 3 });
      await page.mouse.up();
      await expect.poll(() => parameter(page, "view")).toBeNull();
      const length = Number(parameter(page, "to")) - Number(parameter(page, "from"));
      expect(length).toBeGreaterThan(500);
      expect(length).toBeLessThan(10_000);
      await page.locator(".headline").waitFor();
    });

    test("is worked by keys: Shift with arrows selects, Enter opens", async () => {
      await bench.goto(page, "?view=heatmap&from=now-2m");
      const plot = page.getByRole("application");
      await plot.focus();
      for (const key of ["ArrowRight", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowRight"])
        await page.keyboard.press(key);
      expect(await page.locator("#heatmap-cell").innerText()).toMatch(/\d\d:\d\d:\d\d\.\d{3}, 2020 ms: /);
      await page.keyboard.press("Enter");
      await expect.poll(() => Number(parameter(page, "to")) - Number(parameter(page, "from"))).toBe(2020);
    });
  });

  test("what is unattributed is listed with reason, amount and remedy, and leads to its flame graph", async () => {
    await bench.goto(page, "?view=unattributed");
    const reason = page.locator(".reason").first();
    await reason.waitFor();
    expect(await reason.locator("h2").innerText()).not.toBe("");
    expect(await reason.locator("header .number").innerText()).toMatch(/%.*samples/);
    await page.locator(".reason tbody button").first().click();
    await expect.poll(() => parameter(page, "view")).toBeNull();
    await page.locator(".headline").waitFor();
  });

  describe("files", () => {
    const choose = async (name: string, content: Buffer | string): Promise<void> => {
      await bench.goto(page, "?view=files");
      const path = join(folder, name);
      writeFileSync(path, content);
      await page.locator("input[type=file]").setInputFiles(path);
    };

    test.each([
      ["stacks.folded", Buffer.from("main;work;sort 30\nmain;work;hash 60\nmain;idle 10\n"), /^hash, total 60/],
    ])("%s is read in the browser", async (name, content, item) => {
      await choose(name, content);
      await page.getByRole("treeitem", { name: item }).waitFor({ state: "attached" });
      expect(await page.locator(".headline").innerText()).toContain("hash");
      await page.keyboard.press("i");
      await expect.poll(() => page.locator('[role="treeitem"][aria-level="2"]').first().textContent()).toMatch(/^hash/);
    });

    test("what was recorded by the agent is read in the browser", async () => {
      await choose("capture.binpb", readFileSync("testdata/captures/ebpf-20hz-grpc.binpb"));
      await page.getByRole("treeitem", { name: /^all, total/ }).waitFor({ state: "attached" });
      expect(await page.locator(".file-facts").innerText()).toMatch(/otlp.*stacks/i);
    });

    test("a file that is no profile is refused with a reason and what to do", async () => {
      await choose("holiday.jpg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70]));
      const alert = page.getByRole("alert");
      await alert.waitFor();
      expect((await alert.innerText()).length).toBeGreaterThan(30);
      bench.complaints.splice(0);
    });
  });

  describe("share", () => {
    test("gives a link to these very minutes, over plain HTTP too", async () => {
      await bench.goto(page, `?query=${CHECKOUT}&search=fib`);
      await page.locator(".headline").waitFor();
      await page.getByRole("button", { name: "Share" }).click();
      const field = page.getByLabel("Link to what you see");
      const link = new URL(await field.inputValue());
      expect(link.searchParams.get("to")).toBe(String(NOW));
      expect(link.searchParams.get("search")).toBe("fib");
      await page.getByLabel("These very minutes").uncheck();
      expect(await field.inputValue()).toBe(page.url());
    });

    test("saves profiles that our own readers read, with what was selected", async () => {
      await bench.goto(page, `?query=${CHECKOUT}`);
      await page.locator(".headline").waitFor();
      const pprof = await saveAs("pprof");
      expect(pprof.name).toMatch(/\.pb\.gz$/);
      expect(readPprof(pprof.bytes)).toHaveProperty("dictionary");
      expect(readProfiles((await saveAs("OTLP")).bytes, "D10")).toHaveProperty("dictionary");
      expect(readFolded((await saveAs("Folded stacks")).bytes)).toHaveProperty("dictionary");
      expect(readSpeedscope((await saveAs("speedscope")).bytes)).toHaveProperty("dictionary");
    });

    test.skipIf(!hasProgram("go", "version"))("saves what go tool pprof reads", async () => {
      await bench.goto(page, `?query=${CHECKOUT}`);
      await page.locator(".headline").waitFor();
      const { name } = await saveAs("pprof");
      const top = execFileSync("go", ["tool", "pprof", "-top", "-nodecount=500", join(folder, name)], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      expect(top).toMatch(/main\.goOuter/);
    });

    test("saves the picture as PNG and SVG", async () => {
      await bench.goto(page, "");
      await page.locator(".headline").waitFor();
      const png = await saveAs("PNG");
      expect(png.bytes.subarray(1, 4).toString()).toBe("PNG");
      const svg = await saveAs("SVG");
      expect(svg.bytes.toString()).toMatch(/^<svg [\s\S]*main\.fib[\s\S]*<\/svg>\s*$/);
    });

    test("saves an HTML page that works by itself", async () => {
      await bench.goto(page, `?query=${CHECKOUT}&hide=main.main`);
      await page.locator(".headline").waitFor();
      const html = await saveAs("HTML page");
      const path = join(folder, html.name);
      const alone = await bench.blank();
      await alone.goto(`file://${path}`);
      await alone.getByText("checkout").first().waitFor();
      const text = await alone.content();
      expect(text).toContain("main.goOuter");
      expect(text).not.toContain('"main.main"');
      await alone.context().close();
    });
  });

  test("the help lists every key that works here", async () => {
    await bench.goto(page, "");
    await page.locator(".headline").waitFor();
    await page.locator("body").press("?");
    const shown = page.getByRole("dialog").locator("kbd");
    await shown.first().waitFor();
    const keys = await shown.allInnerTexts();
    for (const key of ["↑ ↓", "Enter", "Backspace", "/", "n", "N", "i", "s", "d", "t", "c", "?"])
      expect(keys).toContain(key);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});
