/**
 * Builds the page into dist/web: hashed names, so that everything but index.html may be cached for good, nothing inline,
 * so that `Content-Security-Policy: default-src 'self'` holds, and relative links, so that it works behind any path.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { defineConfig } from "vite";
import { BROWSER_ALIASES } from "./browser-aliases.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  root: path("."),
  base: "./",
  // The worker shares readers of files with the command line.
  resolve: { alias: BROWSER_ALIASES },
  define: { STANDALONE_PAGE: JSON.stringify(standalonePage()) },
  build: {
    outDir: path("../dist/web"),
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: { host: "127.0.0.1", proxy: { "/api": "http://127.0.0.1:4041" } },
});

/** The page that a graph is saved as (`src/formats/flame-graph`), with script and style in it and allowed by their hashes. */
function standalonePage(): string {
  const part = (name: string): string => readFileSync(path(`../src/formats/flame-graph/${name}`), "utf8");
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const minified = (loader: "js" | "css"): string =>
    transformSync(part(`page.${loader}`), { loader, minify: true, target: "es2023" }).code;
  const [script, style] = [minified("js"), minified("css")];
  const parts: Readonly<Record<string, string>> = {
    policy: `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`,
    style: `<style>${style}</style>`,
    script: `<script type="module">${script}</script>`,
  };
  return part("page.html").replace(/\s*\{\{(policy|style|script)\}\}\s*/g, (_, name: string) => parts[name] ?? "");
}
