/**
 * `npm run bench -- ui`: what showing flame graphs costs, in Debian's Chromium without a GPU, beside speedscope on the
 * same profiles in the same run. See docs/benchmarks.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { compress } from "../src/query/http/compression.ts";
import { numberOption, progress, provenance, runBenchmark, wordsOption } from "./command.ts";
import { median } from "./figures.ts";
import { serveBench } from "./ui/bench-server.ts";
import { type Cancelled, type Measured, PageMeter } from "./ui/measure.ts";
import { buildFlamePage, serveApp } from "./ui/pages.ts";
import { pprofFile, serverFlame, speedscopeFile } from "./ui/profile-files.ts";
import { cancelLine, type Contender, judged, type Result, resultTable } from "./ui/report.ts";
import { deepProfile, type SyntheticProfile, syntheticProfile, wideProfile } from "./ui/synthetic-profile.ts";

const HELP = `usage: npm run bench -- ui [options]

  --only LIST          profiles, of 20k,200k,1m,deep,wide; and app, the whole page; default all
  --runs N             of each, default 3; medians are shown
  --without-peer       only podflame
  --peer-large         speedscope on 1m, deep and wide too, where it crashes or never paints
  --peer-timeout N     seconds until speedscope is given up, default 180
  --json FILE          writes all runs there

Behind each figure stands its goal, with ! where it is missed. Needs /usr/bin/chromium.
`;

const PROFILES = {
  "20k": () => syntheticProfile({ stacks: 20_000, functions: 2_000 }),
  "200k": () => syntheticProfile({ stacks: 200_000, functions: 20_000 }),
  "1m": () => syntheticProfile({ stacks: 1_000_000, functions: 50_000 }),
  deep: () => deepProfile(3000),
  wide: () => wideProfile(1_000_000),
} as const satisfies Readonly<Record<string, () => SyntheticProfile>>;
type ProfileName = keyof typeof PROFILES;
const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];
/** Where speedscope crashes or never paints. */
const PEER_FAILS: ReadonlySet<ProfileName> = new Set(["1m", "deep", "wide"]);
/** Which is large enough to be given up half-way. */
const CANCELLED: ProfileName = "1m";

const WIRE_GOAL_KB = 400;
const INTERACTIVE_GOAL_MS = 500;
const SCRIPT_GOALS_KB = { first: 60, all: 150 } as const;

async function main(): Promise<number> {
  const { values: flags } = parseArgs({
    options: {
      only: { type: "string", default: [...PROFILE_NAMES, "app"].join() },
      runs: { type: "string", default: "3" },
      "without-peer": { type: "boolean", default: false },
      "peer-large": { type: "boolean", default: false },
      "peer-timeout": { type: "string", default: "180" },
      json: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const wanted = wordsOption("only", flags.only, [...PROFILE_NAMES, "app"] as const);
  const runs = numberOption("runs", flags.runs, 1);
  const timeoutMs = numberOption("peer-timeout", flags["peer-timeout"], 1) * 1000;
  const hasPeer = (name: ProfileName): boolean =>
    !flags["without-peer"] && (flags["peer-large"] || !PEER_FAILS.has(name));
  const folder = mkdtempSync(join(tmpdir(), "podflame-bench-ui-"));
  const files = new Map<string, Uint8Array>();
  try {
    const page = join(folder, "flame");
    const observer = await buildFlamePage(page);
    const speedscope = join(import.meta.dirname, "../node_modules/speedscope/dist/release");
    using server = await serveBench({ page, speedscope }, files);
    const meter = new PageMeter(chromium, server.url, observer);
    const lines: string[] = [];
    const results: Result[] = [];
    const app = wanted.has("app") ? await measureApp(meter, join(folder, "app"), runs) : undefined;
    if (app) lines.push(app.line);
    for (const name of PROFILE_NAMES.filter((one) => wanted.has(one))) {
      const measured = await measureProfile(meter, files, name, runs, hasPeer(name) ? timeoutMs : undefined);
      results.push(...measured.results);
      lines.push(...measured.lines);
    }
    console.log([...lines, "", resultTable(results)].join("\n"));
    // All frame times of all runs: of no use to people.
    const document = { ...provenance("ui"), load: loadavg(), app, results };
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(document)}\n`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface MeasuredApp {
  readonly interactiveMs: readonly number[];
  readonly firstBytes: number;
  readonly allBytes: number;
  readonly line: string;
}

/** The whole page over the API on the loopback. */
async function measureApp(meter: PageMeter, folder: string, runs: number): Promise<MeasuredApp> {
  progress("app");
  const app = await serveApp(folder);
  try {
    const interactiveMs: number[] = [];
    for (let run = 0; run < runs; run++) interactiveMs.push(await meter.interactive(app.url));
    const { firstBytes, allBytes } = app;
    const line =
      `app: interactive after ${judged(median(interactiveMs), INTERACTIVE_GOAL_MS)} ms; JavaScript with gzip ` +
      `${judged(firstBytes / 1e3, SCRIPT_GOALS_KB.first, 1)} kB for the flame graph, ${judged(allBytes / 1e3, SCRIPT_GOALS_KB.all, 1)} kB in all`;
    return { interactiveMs, firstBytes, allBytes, line };
  } finally {
    await app.close();
  }
}

/** @param peerTimeoutMs undefined: without speedscope */
async function measureProfile(
  meter: PageMeter,
  files: Map<string, Uint8Array>,
  name: ProfileName,
  runs: number,
  peerTimeoutMs: number | undefined,
): Promise<{ readonly results: readonly Result[]; readonly lines: readonly string[] }> {
  progress(name);
  const profile = PROFILES[name]();
  const served = serverFlame(profile);
  files.clear();
  files.set("/served.bin", served);
  files.set("/dropped.pb.gz", pprofFile(profile));
  if (peerTimeoutMs !== undefined) files.set("/speedscope.json", speedscopeFile(profile));
  const lines = [await sizesLine(name, profile, files)];
  // Contenders take turns, so that what else the machine does hits all.
  const measured = new Map<Contender, Measured[]>();
  const add = (contender: Contender, run: Measured): void => {
    measured.set(contender, [...(measured.get(contender) ?? []), run]);
  };
  const cancelled: Cancelled[] = [];
  for (let run = 0; run < runs; run++) {
    add("from the server", await meter.ours("openServed", "/served.bin"));
    add("dropped", await meter.ours("openDropped", "/dropped.pb.gz"));
    if (peerTimeoutMs !== undefined) add("speedscope", await meter.speedscope("/speedscope.json", peerTimeoutMs));
    if (name === CANCELLED) cancelled.push(await meter.cancelled("/dropped.pb.gz"));
  }
  if (cancelled.length > 0) lines.push(cancelLine(name, cancelled));
  return { results: [...measured].map(([contender, all]) => ({ profile: name, contender, runs: all })), lines };
}

async function sizesLine(
  name: ProfileName,
  { stacks }: SyntheticProfile,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const served = files.get("/served.bin")!;
  const kilobytes = async (encoding: "gzip" | "zstd"): Promise<number> =>
    (await compress(served, encoding)).bytes.length / 1e3;
  return (
    `${name}: ${stacks.length} stacks, ${stacks.frames.length} frames; from the server ` +
    `${judged(await kilobytes("gzip"), WIRE_GOAL_KB)} kB with gzip, ${(await kilobytes("zstd")).toFixed(0)} kB with zstd, ` +
    `${(served.length / 1e3).toFixed(0)} kB plain; pprof ${(files.get("/dropped.pb.gz")!.length / 1e6).toFixed(2)} MB`
  );
}

await runBenchmark("ui", main);
