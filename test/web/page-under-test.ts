/**
 * The page in Debian's Chromium, over the real API and a made-up cluster of real recordings. One browser and one server a
 * test file; time stands still, so that addresses and pictures are the same in each run.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { createApi, serve, type ServedFile } from "../../src/query/index.ts";
import { DemoCluster } from "../../src/query/testing/demo-cluster.ts";
import { MemoryStore, type ProfileStore } from "../../src/store/index.ts";
import type { StatusAnswer } from "../../src/query/api.ts";
import { hasProgram } from "../has-program.ts";
import { buildPage } from "./built-page.ts";

const ROOT = join(import.meta.dirname, "../..");
const SCREENSHOTS = join(ROOT, ".cache/screenshots");

/** For `describe.skipIf`. */
export const hasNoBrowser = !hasProgram("chromium", "--version");

/** When it is for page and server: 2026-11-22 12:00:00 UTC. */
export const NOW = Date.UTC(2026, 10, 22, 12);
const MINUTES = 40;

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly reducedMotion?: boolean;
}

export interface BenchOptions {
  readonly mode?: StatusAnswer["mode"];
  readonly files?: readonly ServedFile[];
  /** For how long there are samples; default 40 minutes. */
  readonly samplesMs?: number;
}

export class PageBench implements AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly #browser: Browser;
  readonly #closers: (() => Promise<void> | void)[];
  /** What pages complained about: errors, and what the Content-Security-Policy refused. */
  readonly complaints: string[] = [];

  private constructor(url: string, folder: string, browser: Browser, closers: (() => Promise<void> | void)[]) {
    this.url = url;
    this.folder = folder;
    this.#browser = browser;
    this.#closers = closers;
  }

  /** Builds the page, fills a store, serves both, starts a browser. */
  static async start(options: BenchOptions = {}): Promise<PageBench> {
    const folder = mkdtempSync(join(tmpdir(), "podflame-page-"));
    const [store] = await Promise.all([fill(options.samplesMs ?? MINUTES * 60_000), buildPage(folder)]);
    // Last, so that nothing that fails before leaves a browser behind.
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"],
    });
    const app = createApi({
      store,
      status: () => ({ version: "test", mode: options.mode ?? { kind: "live", reason: "", remedy: "" } }),
      assets: folder,
      now: () => NOW,
      ...(options.files ? { files: options.files } : {}),
    });
    const served = await serve(app, { host: "127.0.0.1", port: 0 });
    const closers = [
      () => browser.close(),
      () => served.close(0),
      () => store.close(),
      () => rmSync(folder, { recursive: true, force: true }),
    ];
    return new PageBench(served.url, folder, browser, closers);
  }

  /** Opens an address of the page, e.g. `?view=diff`, and waits for its first answers. */
  async open(search = "", options: OpenOptions = {}): Promise<Page> {
    const page = await this.blank(options);
    await this.goto(page, search);
    return page;
  }

  /** Another address in a page that is open already, which is faster. */
  async goto(page: Page, search: string): Promise<void> {
    await page.goto(`${this.url}${search}`, { waitUntil: "commit" });
  }

  /** A page that is nowhere yet: for what has to be set before. */
  async blank({ width = 1280, height = 800, dark = false, reducedMotion = true }: OpenOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      reducedMotion: reducedMotion ? "reduce" : "no-preference",
      timezoneId: "UTC",
      locale: "en",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    await page.clock.setFixedTime(NOW);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        this.complaints.push(message.text());
      }
    });
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) await close();
  }
}

async function fill(milliseconds: number): Promise<ProfileStore> {
  const store = await MemoryStore.open();
  await new DemoCluster({ now: NOW, minutes: MINUTES }).fill(store, NOW - milliseconds, NOW);
  return store;
}

/** Keeps a picture of a page for people to look at. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** A parameter of a page's address; null where it isn't there. */
export function parameter(page: Page, name: string): string | null {
  return new URL(page.url()).searchParams.get(name);
}
