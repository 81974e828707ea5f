/** The two pages that are measured, as they are built for people. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { build } from "vite";
import { createApi, serve } from "#query";
import { MemoryStore } from "#store";
import { DemoCluster } from "../../src/query/testing/demo-cluster.ts";
import { BROWSER_ALIASES } from "../../web/browser-aliases.ts";

const WEB = join(import.meta.dirname, "../../web");
const FLAME_PAGE = join(WEB, "src/flame/testing/bench-page");
/** For how long the store of the app has samples. */
const MINUTES = 30;

/**
 * Builds the page with nothing but a flame graph into a folder. Returns the script that is to run ahead of any page that
 * is measured: see bench-page/observer.ts.
 */
export async function buildFlamePage(outDir: string): Promise<string> {
  await build({
    root: FLAME_PAGE,
    configFile: false,
    logLevel: "error",
    base: "./",
    resolve: { alias: BROWSER_ALIASES },
    worker: { format: "es" },
    build: { outDir, emptyOutDir: true, target: "es2023" },
  });
  const source = readFileSync(join(FLAME_PAGE, "observer.ts"), "utf8");
  return (await transform(source, { loader: "ts", format: "iife" })).code;
}

/** JavaScript of the app in bytes with gzip: what its first page needs, and all. */
export interface AppSize {
  readonly firstBytes: number;
  readonly allBytes: number;
}

/** The app over a cluster that is made of real recordings. */
export interface ServedApp extends AppSize {
  readonly url: string;
  close(): Promise<void>;
}

/** Builds the app into a folder and serves it on a free port of the loopback. */
export async function serveApp(outDir: string): Promise<ServedApp> {
  mkdirSync(outDir, { recursive: true });
  await build({
    configFile: join(WEB, "vite.config.ts"),
    logLevel: "error",
    build: { outDir, emptyOutDir: true },
  });
  const store = await MemoryStore.open();
  const now = Date.now();
  await new DemoCluster({ now, minutes: MINUTES }).fill(store, now - MINUTES * 60_000, now);
  const app = createApi({
    store,
    status: () => ({ version: "bench", mode: { kind: "live", reason: "", remedy: "" } }),
    assets: outDir,
  });
  const served = await serve(app, { host: "127.0.0.1", port: 0 });
  return {
    ...sizeOf(outDir),
    url: served.url,
    close: async () => {
      await served.close(0);
      await store.close();
    },
  };
}

function sizeOf(folder: string): AppSize {
  const html = readFileSync(join(folder, "index.html"), "utf8");
  const scripts = readdirSync(join(folder, "assets")).filter((name) => name.endsWith(".js"));
  const bytes = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, "assets", name)), { level: 9 }).length, 0);
  return { firstBytes: bytes(scripts.filter((name) => html.includes(name))), allBytes: bytes(scripts) };
}
