/** The page as it is shipped, for whoever looks at it or measures it. */
import { join } from "node:path";
import { build } from "vite";

/** Builds the page into a folder, as scripts/bundle.mjs does. */
export async function buildPage(folder: string): Promise<void> {
  const { NODE_ENV } = process.env;
  // Vitest says "test", for which libraries have larger code that checks its callers.
  process.env["NODE_ENV"] = "production";
  try {
    const configFile = join(import.meta.dirname, "../../web/vite.config.ts");
    await build({ configFile, logLevel: "error", build: { outDir: folder, emptyOutDir: true } });
  } finally {
    process.env["NODE_ENV"] = NODE_ENV;
  }
}
