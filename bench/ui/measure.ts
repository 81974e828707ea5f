/** One page under measurement: what it costs to show a profile, and to move in it. */
import type { Browser, CDPSession, Page } from "playwright-core";

/** What one run of one contender measured. Milliseconds and bytes; undefined where it did not come so far. */
export interface Measured {
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

/** Wheel events of a phase: zoom in, pan, zoom out. */
const EVENTS = 30;
const VIEWPORT = { width: 1920, height: 1080 };
const SEARCHED = ["a", "al", "all", "allo", "alloc"];

interface Seen {
  readonly longest: number;
  readonly dataAt: number;
  readonly drawnAt: number;
}

/** Our flame graph, on a graph as the server sends it or on a dropped file. */
export async function measureOurs(
  browser: Browser,
  url: string,
  how: "openServed" | "openDropped",
  file: string,
  observer: string,
): Promise<Measured> {
  return inPage(browser, observer, async (page, session) => {
    await page.goto(`${url}/page/index.html`);
    await page.waitForFunction("'bench' in globalThis");
    const paintMs: number = await page.evaluate(`bench.${how}("${file}")`);
    const { longest }: Seen = await page.evaluate("observer.seen");
    const { heapBytes, backingBytes } = await memory(session);
    await page.evaluate("bench.draws.length = 0");
    const frameMs: number[] = await page.evaluate(`observer.wheel(${EVENTS})`);
    const drawMs: number[] = await page.evaluate("bench.draws");
    const searchMs: number[] = [];
    for (const text of SEARCHED) searchMs.push(await page.evaluate(`bench.search("${text}")`));
    return { paintMs, longestTaskMs: longest, heapBytes, backingBytes, frameMs, drawMs, searchMs, failure: undefined };
  });
}

/** speedscope, in its left-heavy view, which is a flame graph. */
export async function measureSpeedscope(
  browser: Browser,
  url: string,
  file: string,
  timeoutMs: number,
  observer: string,
): Promise<Measured> {
  return inPage(browser, observer, async (page, session) => {
    await page.goto(`${url}/speedscope/index.html#profileURL=${encodeURIComponent(url + file)}&view=left-heavy`);
    await page.waitForFunction("observer.seen.drawnAt > 0", undefined, { timeout: timeoutMs });
    const { longest, dataAt, drawnAt }: Seen = await page.evaluate("observer.seen");
    const { heapBytes, backingBytes } = await memory(session);
    const frameMs: number[] = await page.evaluate(`observer.wheel(${EVENTS})`);
    await page.keyboard.press("Control+f");
    const searchMs: number[] = [];
    for (const text of SEARCHED) {
      const took: number | undefined = await page.evaluate(`observer.typeSearch("${text}")`);
      if (took !== undefined) searchMs.push(took);
    }
    return {
      paintMs: drawnAt - dataAt,
      longestTaskMs: longest,
      heapBytes,
      backingBytes,
      frameMs,
      drawMs: [],
      searchMs,
      failure: undefined,
    };
  });
}

const NOTHING = {
  paintMs: undefined,
  longestTaskMs: 0,
  heapBytes: 0,
  backingBytes: 0,
  frameMs: [],
  drawMs: [],
  searchMs: [],
};

async function inPage(
  browser: Browser,
  observer: string,
  run: (page: Page, session: CDPSession) => Promise<Measured>,
): Promise<Measured> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    const crashed = new Promise<Measured>((resolve) => {
      page.on("crash", () => resolve({ ...NOTHING, failure: "the tab crashed" }));
    });
    await page.addInitScript({ content: observer });
    const session = await context.newCDPSession(page);
    return await Promise.race([run(page, session), crashed]);
  } catch (error) {
    return { ...NOTHING, failure: error instanceof Error ? error.message.split("\n")[0]! : String(error) };
  } finally {
    await context.close().catch(() => {});
  }
}

async function memory(session: CDPSession): Promise<{ heapBytes: number; backingBytes: number }> {
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  const usage = (await session.send("Runtime.getHeapUsage")) as { usedSize: number; backingStorageSize?: number };
  return { heapBytes: usage.usedSize, backingBytes: usage.backingStorageSize ?? 0 };
}
