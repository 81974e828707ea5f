/// <reference types="node" />
import { fileURLToPath } from "node:url";

const shims = fileURLToPath(new URL("src/files/node-shims.ts", import.meta.url));

/** For bundlers: what stands in for Node's modules in the page. */
export const BROWSER_ALIASES: Readonly<Record<string, string>> = {
  "node:buffer": shims,
  "node:crypto": shims,
  "node:fs": shims,
  "node:zlib": shims,
};
