import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { FlameAnswer, SandwichAnswer } from "../../src/query/api.ts";
import { hasNoBrowser, PageBench, parameter } from "./page-under-test.ts";

describe.skipIf(hasNoBrowser)("the flame graph in a browser", () => {
  let bench: PageBench;
  let page: Page;
  beforeAll(async () => {
    bench = await PageBench.start();
    page = await bench.blank();
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
  });
  afterEach(() => {
    expect(bench.complaints.splice(0)).toEqual([]);
  });
  const open = async (search = ""): Promise<void> => {
    await bench.goto(page, search);
    await page.locator(".workspace .headline").waitFor();
    if (!search.includes("show=table")) await page.getByRole("treeitem").first().waitFor({ state: "attached" });
  };
  const focused = (): Promise<string> => page.evaluate<string>("document.activeElement.textContent");
  const level = (): Promise<number> =>
    page.evaluate<number>("Number(document.activeElement.getAttribute('aria-level'))");

  const searchShare = async (): Promise<number> => Number.parseFloat(await page.locator("#search-result").innerText());
  const find = async (name: string): Promise<void> => {
    await open(`?search=${name}`);
    await expect.poll(searchShare).toBeGreaterThan(0);
    await page.keyboard.press("n");
    await expect.poll(() => page.locator(".detail h2").innerText()).toBe(name);
  };

  test("is a tree whose items say name, total, self, share and level as the server has them", async () => {
    await open();
    const answer = (await (
      await fetch(`${bench.url}api/v1/flamegraph?from=now-15m&to=now&type=cpu`)
    ).json()) as FlameAnswer;
    const known = describeNodes(answer);
    const items = await page.evaluate<{ level: number; label: string }[]>(`
      [...document.querySelectorAll('[role="treeitem"]')].map((item) => ({
        level: Number(item.getAttribute("aria-level")),
        label: item.textContent,
      }))
    `);
    expect(items.length).toBeGreaterThan(50);
    expect(items[0]).toMatchObject({ level: 1 });
    const unknown = items.filter((item) => !known.has(`${item.level} ${item.label}`));
    expect(unknown).toEqual([]);
  });

  test("has an item for each box that is wide enough to be read", async () => {
    await open();
    const answer = (await (
      await fetch(`${bench.url}api/v1/flamegraph?from=now-15m&to=now&type=cpu`)
    ).json()) as FlameAnswer;
    const { height } = (await page.locator(".flame canvas").boundingBox())!;
    const labels = new Set(await page.getByRole("treeitem").allTextContents());
    const wide = [...describeNodes(answer, 0.03)].map((text) => /^(\d+) (.*)$/s.exec(text)!);
    const missing = wide.filter(([, level, label]) => Number(level) <= Math.floor(height / 20) && !labels.has(label!));
    expect(wide.length).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });

  test("moves by arrows: down to the heaviest callee, up to the caller, sideways to what stands beside", async () => {
    await open();
    await page.keyboard.press("ArrowDown");
    await expect.poll(focused).toMatch(/^all, total/);
    await page.keyboard.press("ArrowDown");
    await expect.poll(level).toBe(2);
    const heaviest = await focused();
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).not.toBe(heaviest);
    expect(await level()).toBe(2);
    await page.keyboard.press("ArrowLeft");
    await expect.poll(focused).toBe(heaviest);
    await page.keyboard.press("ArrowUp");
    await expect.poll(level).toBe(1);
  });

  test("zooms in by Enter, out by Backspace and all the way by Escape, and the address says so", async () => {
    await open();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    const path = page.getByRole("navigation", { name: "Zoomed to" });
    await path.waitFor();
    expect(parameter(page, "zoom")).toMatch(/^[a-z0-9]+\.[a-z0-9]+$/);
    await page.keyboard.press("Backspace");
    await page.keyboard.press("Escape");
    await path.waitFor({ state: "detached" });
    expect(parameter(page, "zoom")).toBeNull();
  });

  test("opens zoomed where the address says, and the back button zooms out", async () => {
    await open();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    const path = page.getByRole("navigation", { name: "Zoomed to" });
    const steps = await path.innerText();
    await page.reload();
    await path.waitFor();
    expect(await path.innerText()).toBe(steps);
    await page.goBack();
    await path.waitFor({ state: "detached" });
  });

  test("zooms on a click and shows the frame's numbers", async () => {
    await open();
    const canvas = page.locator(".flame canvas");
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + 100, box.y + 50);
    expect(await page.locator(".tooltip").innerText()).toMatch(/Total\s+[\d.]+\s%\s+[\d.]+\scores/);
    await page.mouse.click(box.x + 100, box.y + 50);
    const detail = page.getByRole("region", { name: "Selected frame" });
    await detail.waitFor();
    expect(await detail.innerText()).toMatch(/Here[\s\S]*Everywhere/);
    expect(parameter(page, "zoom")).not.toBeNull();
  });

  test("has in full what it is zoomed to, where the graph of everything was culled", async () => {
    const asked: string[] = [];
    await page.route("**/api/v1/flamegraph?*", (route) => {
      const url = new URL(route.request().url());
      asked.push(url.searchParams.get("focus") ?? "");
      if (!url.searchParams.has("focus")) url.searchParams.set("max_nodes", "40");
      return route.continue({ url: url.href });
    });
    onTestFinished(() => page.unroute("**/api/v1/flamegraph?*"));
    await open();
    const items = (): Promise<number> => page.getByRole("treeitem").count();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    // The pricing engine, whose calls branch out early.
    await page.keyboard.press("ArrowRight");
    const before = await items();
    await page.keyboard.press("Enter");
    await expect.poll(items).toBeGreaterThan(before * 1.5);
    expect(asked).toEqual(["", "", expect.stringMatching(/^[0-9a-f]{8}$/)]);
    expect(await page.getByRole("navigation", { name: "Zoomed to" }).getByRole("listitem").count()).toBe(2);
    const zoomed = await items();
    // A link leads to the same: there the part comes with the graph.
    await page.reload();
    await expect.poll(items).toBe(zoomed);
  });

  test("finds functions by / and steps through them by n and N, with the share that they take", async () => {
    await open();
    await page.keyboard.press("/");
    await page.keyboard.type("fib");
    const answer = (await (
      await fetch(`${bench.url}api/v1/flamegraph?from=now-15m&to=now&type=cpu`)
    ).json()) as FlameAnswer;
    await expect.poll(searchShare).toBeCloseTo(shareOf(answer, /fib/) * 100, 0);
    await page.keyboard.press("Enter");
    await page.locator("body").click({ position: { x: 700, y: 20 } });
    await page.keyboard.press("n");
    const detail = page.getByRole("region", { name: "Selected frame" });
    expect(await detail.innerText()).toMatch(/fib/i);
    await page.keyboard.press("N");
    expect(parameter(page, "search")).toBe("fib");
  });

  test("takes regular expressions, and says why one can't be used", async () => {
    await open("?search=^main\\.(fib|spin)$&regex=1");
    await expect.poll(() => page.locator("#search-result").innerText()).toMatch(/%/);
    await page.getByRole("searchbox", { name: "Search functions" }).fill("main.(");
    await expect.poll(() => page.locator(".problem").innerText()).not.toBe("");
    await page.getByRole("searchbox", { name: "Search functions" }).fill("nosuchfunction");
    await expect.poll(() => page.locator("#search-result").innerText()).toBe("no match");
  });

  test("turns around by i: callers are below", async () => {
    await open();
    await page.keyboard.press("i");
    expect(parameter(page, "inverted")).toBe("1");
    const answer = (await (
      await fetch(`${bench.url}api/v1/flamegraph?from=now-15m&to=now&type=cpu`)
    ).json()) as FlameAnswer;
    const leader = heaviestSelf(answer);
    const second = page.locator('[role="treeitem"][aria-level="2"]').first();
    await expect.poll(() => second.textContent()).toContain(leader);
  });

  test("shows table and graph by t, and marks in the one what is pointed at in the other", async () => {
    await open();
    await page.keyboard.press("t");
    expect(parameter(page, "show")).toBe("both");
    const row = page.locator(".function-table tbody tr").first();
    await row.waitFor();
    await row.getByRole("button").click();
    await expect.poll(() => page.locator(".function-table tr.selected").count()).toBe(1);
    await page.keyboard.press("t");
    expect(parameter(page, "show")).toBe("table");
  });

  test("sorts its table, and filters it with the search", async () => {
    await open("?show=table");
    const names = page.locator(".function-table tbody th");
    const first = await names.first().innerText();
    await page.getByRole("button", { name: "Function" }).click();
    await expect.poll(() => names.first().innerText()).not.toBe(first);
    const shown = await names.allInnerTexts();
    expect(shown).toEqual(shown.toSorted());
    await page.getByRole("searchbox", { name: "Search functions" }).fill("fib");
    await expect.poll(async () => (await names.allInnerTexts()).every((name) => /fib/i.test(name))).toBe(true);
  });

  test("makes a sandwich of the selected function by s", async () => {
    await find("main.fib");
    await page.keyboard.press("s");
    expect(parameter(page, "show")).toBe("sandwich");
    expect(parameter(page, "function")).toBe("main.fib");
    const callers = page.getByRole("tree", { name: "Callers of main.fib" }).getByRole("treeitem");
    await callers.first().waitFor({ state: "attached" });
    expect(await callers.nth(1).textContent()).toMatch(/^main\.fib/);
    expect(await page.getByRole("tree", { name: "What main.fib calls" }).getByRole("treeitem").count()).toBeGreaterThan(
      1,
    );
  });

  describe("of which the server sent only the largest parts", () => {
    beforeAll(async () => {
      await page.route(/\/api\/v1\/(?:flamegraph|diff)\?/, (route) =>
        route.continue({ url: `${route.request().url()}&max_nodes=40` }),
      );
    });
    afterAll(() => page.unroute(/\/api\/v1\/(?:flamegraph|diff)\?/));
    const total = (): Promise<string> => page.locator(".halves p.number").innerText();
    const inAll = async (name: string): Promise<FlameAnswer> => {
      const answer = await fetch(`${bench.url}api/v1/sandwich?from=now-15m&to=now&type=cpu&function=${name}`);
      return ((await answer.json()) as SandwichAnswer).callees;
    };

    test("has the sandwich of a function that isn't among them, with the server's numbers", async () => {
      await open("?show=sandwich&function=main.fib");
      const callers = page.getByRole("tree", { name: "Callers of main.fib" }).getByRole("treeitem");
      await callers.nth(1).waitFor({ state: "attached" });
      const { nodes } = await inAll("main.fib");
      const all = (await (
        await fetch(`${bench.url}api/v1/flamegraph?from=now-15m&to=now&type=cpu`)
      ).json()) as FlameAnswer;
      const whole = all.nodes.total[0]!;
      expect(await total()).toContain(`Total ${((nodes.total[0]! / whole) * 100).toPrecision(3)}`);
      expect(await page.locator(".function-table tbody").getByText("main.fib", { exact: true }).count()).toBe(0);
    });

    test("says so where no selection has that function", async () => {
      await bench.goto(page, "?show=sandwich&function=of_nobody");
      await page.getByText("of_nobody is not in this graph").waitFor();
    });

    test("shows what it has, and says that something lacks, where the server doesn't answer", async () => {
      await page.route("**/api/v1/sandwich?*", (route) => route.abort());
      onTestFinished(() => page.unroute("**/api/v1/sandwich?*"));
      await open("?show=sandwich");
      await page.getByRole("alert").getByText("lacks what is too small").waitFor();
    });

    test("says that changed graphs and comparisons are of what is shown", async () => {
      await bench.goto(page, "?show=sandwich&inverted=1");
      await page.getByText("Changed and compared graphs are made of").waitFor();
      await bench.goto(page, "?view=diff&show=sandwich");
      await page.getByText("Changed and compared graphs are made of").waitFor();
    });
  });

  test("hides and focuses functions, and lets that be undone", async () => {
    await find("main.fib");
    await page.getByRole("button", { name: "Hide", exact: true }).click();
    expect(parameter(page, "hide")).toBe("main.fib");
    await expect.poll(() => page.getByRole("treeitem", { name: /^main\.fib,/ }).count()).toBe(0);
    await page.getByRole("button", { name: "Show main.fib again" }).click();
    await expect.poll(() => page.getByRole("treeitem", { name: /^main\.fib,/ }).count()).toBeGreaterThan(0);
    await page.keyboard.press("n");
    await page.getByRole("button", { name: "Focus", exact: true }).click();
    await expect.poll(() => page.locator('[role="treeitem"][aria-level="2"]').count()).toBe(1);
  });

  test("collapses recursion", async () => {
    await open("?focus=main.fib");
    const calls = page.getByRole("treeitem", { name: /^main\.fib,/ });
    await expect.poll(() => calls.count()).toBeGreaterThan(2);
    await page.getByRole("button", { name: "View", exact: true }).click();
    await page.getByLabel("Collapse recursion").check();
    await expect.poll(() => calls.count()).toBe(1);
  });

  test("offers what can be done with a frame on the other button", async () => {
    await open();
    const box = (await page.locator(".flame canvas").boundingBox())!;
    await page.mouse.click(box.x + 100, box.y + 50, { button: "right" });
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(parameter(page, "show")).toBe("sandwich");
  });

  test("copies the selected stack by c, without the clipboard API as well", async () => {
    await open();
    await page.evaluate(`
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      addEventListener("copy", () => (document.title = document.activeElement.value));
    `);
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "c"]) await page.keyboard.press(key);
    await expect.poll(() => page.title()).toMatch(/cores, [\d.]+.%/);
  });

  test("stays where it is when live data come", async () => {
    await open();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    const path = page.getByRole("navigation", { name: "Zoomed to" });
    const before = await path.innerText();
    const again = page.waitForResponse(/\/flamegraph/);
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await again;
    await expect.poll(() => path.innerText()).toBe(before);
    expect(parameter(page, "zoom")).not.toBeNull();
  });

  test("puts the root at the bottom", async () => {
    await open("?upward=1");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    await expect.poll(level).toBe(2);
  });
});

/** `level label` of all nodes, as a screen reader should hear them; optionally only those with a share. */
function describeNodes(answer: FlameAnswer, least = 0): Set<string> {
  const { nodes, frames, coverage } = answer;
  const seconds = (coverage.to - coverage.from) / 1000;
  const found = new Set<string>();
  const first: number[] = [];
  let next = 1;
  for (const count of nodes.children) {
    first.push(next);
    next += count;
  }
  const depth = new Map([[0, 1]]);
  nodes.total.forEach((total, node) => {
    let below = 0;
    for (let child = first[node]!; child < first[node]! + nodes.children[node]!; child++) {
      depth.set(child, depth.get(node)! + 1);
      below += nodes.total[child]!;
    }
    const frame = nodes.frame[node]!;
    const name = frame === -1 ? "all" : frame === -2 ? "frames too small to show" : frames[frame]!.name || "(no name)";
    if (total / nodes.total[0]! < least) return;
    const parts = [
      name,
      `total ${time(total)}`,
      cores(total / 1e9 / seconds),
      `self ${time(total - below)}`,
      share(total / nodes.total[0]!),
    ];
    found.add(`${depth.get(node)} ${parts.join(", ")}`);
  });
  return found;
}

function shareOf({ nodes, frames }: FlameAnswer, pattern: RegExp): number {
  let next = 1;
  let sum = 0;
  const covered = new Set<number>();
  nodes.children.forEach((count, node) => {
    const frame = nodes.frame[node]!;
    const matches = frame >= 0 && pattern.test(frames[frame]!.name);
    if (matches && !covered.has(node)) sum += nodes.total[node]!;
    for (let child = next; child < next + count; child++) if (matches || covered.has(node)) covered.add(child);
    next += count;
  });
  return sum / nodes.total[0]!;
}

function heaviestSelf({ nodes, frames }: FlameAnswer): string {
  const selfs = new Map<number, number>();
  let next = 1;
  nodes.children.forEach((count, node) => {
    let self = nodes.total[node]!;
    for (let child = next; child < next + count; child++) self -= nodes.total[child]!;
    next += count;
    const frame = nodes.frame[node]!;
    if (frame >= 0) selfs.set(frame, (selfs.get(frame) ?? 0) + self);
  });
  const [frame] = [...selfs].sort(([, a], [, b]) => b - a)[0]!;
  return frames[frame]!.name;
}

// Written anew rather than imported: what is read out is what is tested. A narrow no-break space ahead of units.
function time(nanoseconds: number): string {
  const steps = [
    [86_400e9, "d", 2],
    [3600e9, "h", 2],
    [60e9, "min", 2],
    [1e9, "s", 1],
    [1e6, "ms", 1],
    [1e3, "µs", 1],
  ] as const;
  if (nanoseconds === 0) return "0\u202fs";
  const [size, unit] = steps.find(([step, , least]) => nanoseconds >= step * least) ?? ([1, "ns"] as const);
  const count = nanoseconds / size;
  return `${count.toFixed(count >= 99.5 ? 0 : count >= 9.95 ? 1 : 2)}\u202f${unit}`;
}

function cores(count: number): string {
  if (count === 0) return "0\u202fcores";
  if (count < 0.001) return "<0.001\u202fcores";
  return `${count.toFixed(count >= 100 ? 0 : count >= 10 ? 1 : count >= 1 ? 2 : 3)}\u202f${count === 1 ? "core" : "cores"}`;
}

function share(part: number): string {
  if (part === 0) return "0\u202f%";
  if (part < 0.0001) return "<0.01\u202f%";
  return `${(part * 100).toFixed(part >= 0.9995 ? 0 : part >= 0.1 ? 1 : 2)}\u202f%`;
}
