import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { extname, join, sep } from "node:path";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json",
  ".map": "application/json",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Names that hold a hash of their content never change. */
const HASHED = /^\/?assets\/.*-[\w-]{8,}\.\w+$/;
const PATH = /^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/;

/** A file of the page. */
export interface Asset {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly cacheControl: string;
  readonly etag: string;
}

/** Finds files of the page in a folder. Leads nowhere else, whatever the path. */
export class Assets {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file of a URL's path; the page itself for `/`. Undefined where there is none. */
  async find(path: string): Promise<Asset | undefined> {
    const wanted = path === "/" ? "/index.html" : path;
    if (!PATH.test(wanted) || wanted.includes("..")) return undefined;
    try {
      const folder = await realpath(this.#folder);
      const file = await realpath(join(folder, wanted));
      if (!file.startsWith(folder + sep)) return undefined;
      const bytes = await readFile(file);
      return {
        bytes,
        mediaType: MEDIA_TYPES[extname(file)] ?? "application/octet-stream",
        cacheControl: HASHED.test(wanted) ? "public, max-age=31536000, immutable" : "no-cache",
        etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
      };
    } catch {
      return undefined;
    }
  }
}
