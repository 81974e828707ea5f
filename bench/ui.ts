/**
 * `npm run bench -- ui`: what showing flame graphs costs, in Debian's Chromium without a GPU, beside speedscope on the
 * same profiles in the same run. See docs/benchmarks.md.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { transform } from "esbuild";
import { build } from "vite";
import { BROWSER_ALIASES } from "../web/browser-aliases.ts";
import { median, percentile } from "./figures.ts";
import { serveBench } from "./ui/bench-server.ts";
import { type Measured, measureOurs, measureSpeedscope } from "./ui/measure.ts";
import { pprofFile, serverFlame, speedscopeFile } from "./ui/profile-files.ts";
import { deepProfile, type SyntheticProfile, syntheticProfile, wideProfile } from "./ui/synthetic-profile.ts";

const HELP = `usage: npm run bench -- ui [options]

  --only LIST          profiles, of 20k,200k,1m,deep,wide; default 20k,200k,1m,deep,wide
  --runs N             of each, default 3
  --without-peer       only podflame
  --peer-large         speedscope on 1m, deep and wide too, where it crashes or never paints
  --peer-timeout N     seconds until speedscope is given up, default 180
  --json FILE          writes all runs there

Needs /usr/bin/chromium.
`;

const PROFILES: Readonly<Record<string, () => SyntheticProfile>> = {
  "20k": () => syntheticProfile({ stacks: 20_000, functions: 2_000 }),
  "200k": () => syntheticProfile({ stacks: 200_000, functions: 20_000 }),
  "1m": () => syntheticProfile({ stacks: 1_000_000, functions: 50_000 }),
  deep: () => deepProfile(3000),
  wide: () => wideProfile(1_000_000),
};
/** Where speedscope fails: `reference` numbers say how. */
const PEER_FAILS = new Set(["1m", "deep", "wide"]);

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(PROFILES).join() },
    runs: { type: "string", default: "3" },
    "without-peer": { type: "boolean", default: false },
    "peer-large": { type: "boolean", default: false },
    "peer-timeout": { type: "string", default: "180" },
    json: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const PAGE = join(import.meta.dirname, "../web/src/flame/testing/bench-page");

interface Result {
  readonly profile: string;
  readonly contender: string;
  readonly runs: readonly Measured[];
}

async function main(): Promise<number> {
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const wanted = flags.only.split(",").filter((name) => name !== "");
  const unknown = wanted.find((name) => PROFILES[name] === undefined);
  if (unknown !== undefined) {
    process.stderr.write(`there is no profile "${unknown}"\n\n${HELP}`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), "podflame-bench-ui-"));
  try {
    const results = await measureAll(folder, wanted);
    for (const line of report(results)) console.log(line);
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, undefined, 1)}\n`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(folder: string, wanted: readonly string[]): Promise<Result[]> {
  await build({
    root: PAGE,
    configFile: false,
    logLevel: "warn",
    base: "./",
    resolve: { alias: BROWSER_ALIASES },
    worker: { format: "es" },
    build: { outDir: folder, emptyOutDir: true, target: "es2023" },
  });
  printSizes(folder);
  const source = readFileSync(join(PAGE, "observer.ts"), "utf8");
  const { code: observer } = await transform(source, { loader: "ts", format: "iife" });
  const files = new Map<string, Uint8Array>();
  const peer = join(import.meta.dirname, "../node_modules/speedscope/dist/release");
  const server = await serveBench({ page: folder, speedscope: peer }, files);
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"],
  });
  const results: Result[] = [];
  try {
    for (const name of wanted) {
      const profile = PROFILES[name]!();
      const served = serverFlame(profile);
      files.set("/served.bin", served);
      files.set("/dropped.pb.gz", pprofFile(profile));
      const againstPeer = !flags["without-peer"] && (flags["peer-large"] || !PEER_FAILS.has(name));
      if (againstPeer) files.set("/speedscope.json", speedscopeFile(profile));
      const wire = (path: string): string => `${((files.get(path)?.length ?? 0) / 1e6).toFixed(2)} MB`;
      console.log(
        `\n${name}: ${profile.stacks.length} stacks, ${profile.stacks.frames.length} frames; from the server ` +
          `${(served.length / 1e6).toFixed(2)} MB, with gzip ${(gzipSync(served).length / 1e3).toFixed(0)} kB; ` +
          `pprof ${wire("/dropped.pb.gz")}; load ${loadavg()[0]!.toFixed(1)}`,
      );
      // Contenders take turns, so that what else the machine does hits all.
      const runs = new Map<string, Measured[]>();
      for (let run = 0; run < Number(flags.runs); run++) {
        const add = (contender: string, measured: Measured): void => {
          runs.set(contender, [...(runs.get(contender) ?? []), measured]);
        };
        add("podflame, from the server", await measureOurs(browser, server.url, "openServed", "/served.bin", observer));
        add(
          "podflame, pprof dropped",
          await measureOurs(browser, server.url, "openDropped", "/dropped.pb.gz", observer),
        );
        if (againstPeer) {
          const timeoutMs = Number(flags["peer-timeout"]) * 1000;
          add(
            "speedscope, its own JSON",
            await measureSpeedscope(browser, server.url, "/speedscope.json", timeoutMs, observer),
          );
        }
      }
      for (const [contender, measured] of runs) results.push({ profile: name, contender, runs: measured });
    }
  } finally {
    await browser.close();
    server.close();
  }
  return results;
}

function printSizes(folder: string): void {
  const assets = join(folder, "assets");
  const sizes = readdirSync(assets).map((name) => {
    const bytes = readFileSync(join(assets, name));
    return `  ${name.replace(/-[\w-]{8}\.js$/, "").padEnd(16)} ${(bytes.length / 1e3).toFixed(1).padStart(6)} kB, with gzip ${(gzipSync(bytes, { level: 9 }).length / 1e3).toFixed(1).padStart(5)} kB`;
  });
  console.log(`JavaScript of the flame graph (index) and of reading files\n${sizes.join("\n")}`);
}

/** A table of medians over the runs. */
function report(results: readonly Result[]): string[] {
  const lines = [
    "",
    "| profile | contender | data to paint | longest task | heap + buffers | frame p50 / p95 | draw p50 / p95 | search median / worst |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const { profile, contender, runs } of results) {
    const sound = runs.filter(({ failure }) => failure === undefined);
    const failures = runs.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
    const over = (of: (run: Measured) => number): number => median(sound.map(of));
    const pair = (of: (run: Measured) => readonly number[], high: number): string =>
      sound.every((run) => of(run).length === 0)
        ? "–"
        : `${over((run) => percentile(of(run), 0.5)).toFixed(1)} / ${over((run) => percentile(of(run), high)).toFixed(1)} ms`;
    if (sound.length === 0) {
      lines.push(`| ${profile} | ${contender} | ${failures[0] ?? "not run"} | | | | | |`);
      continue;
    }
    const cells = [
      `${over(({ paintMs }) => paintMs ?? Number.NaN).toFixed(0)} ms`,
      `${over(({ longestTaskMs }) => longestTaskMs).toFixed(0)} ms`,
      `${over(({ heapBytes }) => heapBytes / 1e6).toFixed(0)} + ${over(({ backingBytes }) => backingBytes / 1e6).toFixed(0)} MB`,
      pair(({ frameMs }) => frameMs, 0.95),
      pair(({ drawMs }) => drawMs, 0.95),
      pair(({ searchMs }) => searchMs, 1),
    ];
    const note = failures.length > 0 ? ` (${failures.length} of ${runs.length} failed: ${failures[0]})` : "";
    lines.push(`| ${profile} | ${contender}${note} | ${cells.join(" | ")} |`);
  }
  return lines;
}

process.exitCode = await main();
