/** One page under measurement: what it costs to show a profile, and to move in it. */
import type { Browser, BrowserType, CDPSession, Page } from "playwright-core";
import { rendererMemory, type RendererMemory } from "./renderer-memory.ts";

/** What one run of one contender measured. Milliseconds and bytes; undefined where it did not come so far. */
export interface Measured extends RendererMemory {
  readonly paintMs: number | undefined;
  readonly longestTaskMs: number;
  readonly heapBytes: number;
  /** Array buffers and the like, outside of the heap. */
  readonly backingBytes: number;
  readonly frameMs: readonly number[];
  readonly drawMs: readonly number[];
  readonly searchMs: readonly number[];
  readonly failure: string | undefined;
}

/** What was seen of opening a file, and of giving that up half-way. */
export interface Cancelled {
  /** Messages about progress while the file was opened, and the longest time without one. */
  readonly reports: number;
  readonly longestSilenceMs: number;
  /** From the abort to the rejected promise, and to a frame that is painted. */
  readonly rejectedMs: number;
  readonly paintedMs: number;
}

/** Wheel events of a phase: zoom in, pan, zoom out. */
const EVENTS = 30;
const VIEWPORT = { width: 1920, height: 1080 };
const SEARCHED = ["a", "al", "all", "allo", "alloc"];
/** Without long tasks for so long, a page is at rest. */
const QUIET_MS = 500;

interface Seen {
  readonly longest: number;
  readonly lastTaskEnd: number;
  readonly dataAt: number;
  readonly drawnAt: number;
}

/** Where pages are measured: each in a browser of its own, so that none has another's memory. */
export class PageMeter {
  readonly #browsers: BrowserType;
  readonly #url: string;
  readonly #observer: string;

  /** @param url of the bench's server @param observer script that runs ahead of each page */
  constructor(browsers: BrowserType, url: string, observer: string) {
    this.#browsers = browsers;
    this.#url = url;
    this.#observer = observer;
  }

  /** Our flame graph, on a graph as the server sends it or on a dropped file. */
  ours(how: "openServed" | "openDropped", file: string): Promise<Measured> {
    return this.#measured(async (page, session, browser) => {
      await this.#openFlamePage(page);
      const paintMs: number = await page.evaluate(`bench.${how}("${file}")`);
      const { longest }: Seen = await page.evaluate("observer.seen");
      const memory = await memoryOf(session, browser);
      await page.evaluate("bench.draws.length = 0");
      const frameMs: number[] = await page.evaluate(`observer.wheel(${EVENTS})`);
      const drawMs: number[] = await page.evaluate("bench.draws");
      const searchMs: number[] = [];
      for (const text of SEARCHED) searchMs.push(await page.evaluate(`bench.search("${text}")`));
      return { paintMs, longestTaskMs: longest, ...memory, frameMs, drawMs, searchMs, failure: undefined };
    });
  }

  /** speedscope, in its left-heavy view, which is a flame graph. */
  speedscope(file: string, timeoutMs: number): Promise<Measured> {
    return this.#measured(async (page, session, browser) => {
      const url = this.#url;
      await page.goto(`${url}/speedscope/index.html#profileURL=${encodeURIComponent(url + file)}&view=left-heavy`);
      await page.waitForFunction("observer.seen.drawnAt > 0", undefined, { timeout: timeoutMs });
      const { longest, dataAt, drawnAt }: Seen = await page.evaluate("observer.seen");
      const memory = await memoryOf(session, browser);
      const frameMs: number[] = await page.evaluate(`observer.wheel(${EVENTS})`);
      await page.keyboard.press("Control+f");
      const searchMs: number[] = [];
      for (const text of SEARCHED) {
        const took: number | undefined = await page.evaluate(`observer.typeSearch("${text}")`);
        if (took !== undefined) searchMs.push(took);
      }
      const paintMs = drawnAt - dataAt;
      return { paintMs, longestTaskMs: longest, ...memory, frameMs, drawMs: [], searchMs, failure: undefined };
    });
  }

  /** A file is opened with progress, then opened again and given up when its stacks are read half. */
  cancelled(file: string): Promise<Cancelled> {
    return this.#inPage(async (page) => {
      await this.#openFlamePage(page);
      return page.evaluate(`bench.openAndCancel("${file}")`);
    });
  }

  /**
   * Milliseconds from the navigation to an app that is ready: its flame graph is painted and in the ARIA tree, and no
   * long task follows (Lighthouse's "time to interactive" with a shorter window).
   */
  interactive(url: string): Promise<number> {
    return this.#inPage(async (page) => {
      await page.goto(url, { waitUntil: "commit" });
      await page.waitForFunction("observer.seen.shownAt > 0", undefined, { timeout: 30_000 });
      return page.evaluate(`observer.atRest(${QUIET_MS})`);
    });
  }

  async #openFlamePage(page: Page): Promise<void> {
    await page.goto(`${this.#url}/page/index.html`);
    await page.waitForFunction("'bench' in globalThis");
  }

  async #measured(run: (page: Page, session: CDPSession, browser: Browser) => Promise<Measured>): Promise<Measured> {
    try {
      return await this.#inPage(run);
    } catch (error) {
      return { ...NOTHING, failure: error instanceof Error ? error.message.split("\n")[0]! : String(error) };
    }
  }

  async #inPage<T>(run: (page: Page, session: CDPSession, browser: Browser) => Promise<T>): Promise<T> {
    const browser = await this.#browsers.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"],
    });
    try {
      // Questions to the page are evaluated in it, which the app's policy forbids.
      const page = await browser.newPage({ viewport: VIEWPORT, bypassCSP: true });
      const crashed = new Promise<never>((_, reject) => {
        page.on("crash", () => reject(new Error("the tab crashed")));
      });
      await page.addInitScript({ content: this.#observer });
      const session = await page.context().newCDPSession(page);
      return await Promise.race([run(page, session, browser), crashed]);
    } finally {
      await browser.close().catch(() => {});
    }
  }
}

const NOTHING = {
  paintMs: undefined,
  longestTaskMs: 0,
  heapBytes: 0,
  backingBytes: 0,
  pssBytes: 0,
  peakBytes: 0,
  frameMs: [],
  drawMs: [],
  searchMs: [],
};

async function memoryOf(
  session: CDPSession,
  browser: Browser,
): Promise<Pick<Measured, "heapBytes" | "backingBytes" | keyof RendererMemory>> {
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  const usage = (await session.send("Runtime.getHeapUsage")) as { usedSize: number; backingStorageSize?: number };
  const { pssBytes, peakBytes } = await rendererMemory(browser);
  return { heapBytes: usage.usedSize, backingBytes: usage.backingStorageSize ?? 0, pssBytes, peakBytes };
}
