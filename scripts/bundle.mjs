/**
 * Bundles `src/` into `dist/` and `web/` into `dist/web/` (run by `npm ci` as `prepare`). Sources run as they are on Node
 * 24; the bundle is what `bin/podflame` starts when it's newer than the sources, because it saves 16 MiB of resident
 * memory and the type stripper at the first start. The page has no such fallback: browsers run no TypeScript. Plain
 * JavaScript, so that any Node that npm runs on can do it.
 *
 * `node scripts/bundle.mjs FILE FOLDER` bundles one program of this project, and nothing else: a benchmark that runs as the
 * gateway does.
 */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const [program, folder = "dist"] = process.argv.slice(2);
rmSync(`${root}/${folder}`, { recursive: true, force: true });
await bundleProgram(program ?? "src/cli/main.ts", folder);
if (program === undefined) bundlePage();

async function bundleProgram(entryPoint, outdir) {
  const esbuild = await import("esbuild").catch(() => undefined);
  if (!esbuild) {
    console.error("podflame: esbuild isn't installed (--omit=dev?), so there is no bundle; the sources are used");
    return;
  }
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [entryPoint],
    outdir,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // Names stay readable: stacks of bugs end up in logs.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    // They bring shared objects, found beside their code.
    external: ["koffi", "@duckdb/node-api"],
    logLevel: "warning",
    // CommonJS dependencies ask for Node's modules by require, which ES modules don't have.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

/** In a process of its own: Vite needs a newer Node than npm may run on. */
function bundlePage() {
  const vite = `${root}node_modules/vite/bin/vite.js`;
  if (!existsSync(vite)) {
    console.error("podflame: vite isn't installed (--omit=dev?), so there is no page; the API works without it");
    return;
  }
  const node = newEnoughNode();
  if (node === undefined) {
    console.error("podflame: no Node.js 24 here to build the page with; install it and run 'npm run prepare'");
    return;
  }
  const args = [vite, "build", "--config", "web/vite.config.ts", "--logLevel", "warn"];
  const { status } = spawnSync(node, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** This one, or the one that `npm ci` brought. */
function newEnoughNode() {
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  const pinned = ["x64", "arm64"].map((cpu) => `${root}node_modules/node-linux-${cpu}/bin/node`);
  return pinned.find((path) => existsSync(path));
}
