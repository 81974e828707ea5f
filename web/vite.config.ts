/**
 * Builds the page into dist/web: hashed names, so that everything but index.html may be cached for good, nothing inline,
 * so that `Content-Security-Policy: default-src 'self'` holds, and relative links, so that it works behind any path.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: folder("."),
  base: "./",
  build: {
    outDir: folder("../dist/web"),
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: { host: "127.0.0.1", proxy: { "/api": "http://127.0.0.1:4041" } },
});
