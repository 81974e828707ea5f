/**
 * The store on disk under the load of a cluster; see `npm run bench -- store --help` and docs/benchmarks.md. Time is
 * simulated: minutes of samples are stored as fast as that goes, then questions are asked while more come. The generator
 * (store/generate.ts) and merging are processes of their own; CPU time is given for the store and for merging.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createApi } from "#query";
import {
  type EmbeddedStore,
  type JobRunner,
  openEmbeddedStore,
  type ProfileStore,
  runJob,
  type Selector,
} from "#store";
import { ManualClock } from "#telemetry";
import { CLUSTER, type ClusterShape, INTERVAL_MS } from "./store/cluster-load.ts";
import { clusterRequests, fileRequests, type StoreRequest } from "./store/requests.ts";
import { percentile } from "./figures.ts";
import { Report } from "./store/report.ts";

/** What days are stored of: few containers, as busy as the cluster's, of which days would be ten billion samples. */
const DAYS: ClusterShape = { ...CLUSTER, nodes: 1, containers: 10, services: 2, busyCores: 4 };

const HELP = `usage: npm run bench -- store [options]

  --minutes N        of a cluster's samples, default 10 (104 are 100 million samples)
  --days N           instead of minutes: one node of ${DAYS.containers} containers through all tiers, for questions about days
  --nodes N          of the cluster, default ${CLUSTER.nodes}
  --containers N     of the cluster, default ${CLUSTER.containers}
  --requests FILE    stores the requests that "loadgen make" wrote, instead of a cluster's
  --repeat N         times that they are stored, default 2
  --durability NAME  when a request is acknowledged: write (default) or fsync
  --directory DIR    the store's folder, default a temporary one
  --keep             leaves the store there
`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    days: { type: "string" },
    nodes: { type: "string", default: String(CLUSTER.nodes) },
    containers: { type: "string", default: String(CLUSTER.containers) },
    requests: { type: "string" },
    repeat: { type: "string", default: "2" },
    durability: { type: "string", default: "write" },
    keep: { type: "boolean", default: false },
    directory: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** For days, whose simulated seconds are shorter than a write to the disk; a flush has as much as a gateway's of a minute. */
const DAYS_RHYTHM = { flushIntervalMs: HOUR_MS, fsyncIntervalMs: HOUR_MS };
/** Requests whose acknowledgement is waited for at once. */
const IN_FLIGHT = 8;
const ROUNDS = 15;

if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const report = new Report();
const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "podflame-bench-store-")));
const start = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - Number(options.days ?? 1) * DAY_MS;
// Between two requests, so that each hour of days is flushed when it is over.
const clock = new ManualClock(start + INTERVAL_MS / 2);
const merging = { cpuMs: 0, peakBytes: 0, jobs: 0 };
const run: JobRunner = async (job, signal) => {
  const result = await runJob(job, signal);
  if (result.kind === "done" && result.usage) {
    merging.cpuMs += result.usage.cpuMs;
    merging.peakBytes = Math.max(merging.peakBytes, result.usage.peakBytes);
    merging.jobs++;
  }
  return result;
};
const durability = options.durability === "fsync" ? "fsync" : "write";
const rhythm = options.days === undefined ? {} : DAYS_RHYTHM;
const store = await openEmbeddedStore({ directory, clock, durability, ...rhythm }, run);
const api = createApi({
  store,
  status: () => ({ version: "bench", mode: { kind: "live", reason: "", remedy: "" } }),
  now: () => clock.nowMs(),
});
const stored = { samples: 0, bytes: 0, rejected: 0 };
let peakRss = 0;
/** Of the moment with the most resident memory: what of it is known, in bytes. */
let peakParts: ReadonlyMap<string, number> = new Map();

try {
  if (options.days !== undefined) await days(Number(options.days));
  else if (options.requests === undefined) await cluster();
  else await requestsOf(options.requests);
} finally {
  await store.close();
  if (!options.keep) await rm(directory, { recursive: true, force: true });
}

async function cluster(): Promise<void> {
  const shape = { ...CLUSTER, nodes: Number(options.nodes), containers: Number(options.containers) };
  const minutes = Number(options.minutes);
  const perSecond = shape.nodes * shape.busyCores * shape.hertz;
  report.title(`${shape.nodes} nodes, ${shape.containers} containers, ${perSecond} samples/s, ${minutes} minutes`);
  await intake(clusterRequests({ start, intervals: minutes * 12, shape }), perSecond);
  const more = clusterRequests({ start: clock.nowMs(), intervals: 1_000_000, shape });
  await questions(more);
}

/** Days of one node: the fine tier comes and goes, the coarser ones stay. */
async function days(count: number): Promise<void> {
  const perSecond = DAYS.nodes * DAYS.busyCores * DAYS.hertz;
  report.title(`${DAYS.nodes} node, ${DAYS.containers} containers, ${perSecond} samples/s, ${count} days`);
  await intake(clusterRequests({ start, intervals: (count * DAY_MS) / INTERVAL_MS, shape: DAYS }), perSecond);
  const to = store.state().visibleUpTo;
  const all = { from: to - count * DAY_MS, to };
  const [heaviest] = await services(store, all);
  report.section(`questions over ${count} days, ms p50 / p95`);
  const pod = await onePod([{ name: "service_name", op: "=", value: heaviest! }], all);
  report.quantiles("flame graph, one service", await flame(`{service_name="${heaviest}"}`, all), 3000, 3000);
  report.quantiles("flame graph, one of its pods", await flame(`{k8s_pod_name="${pod}"}`, all), 3000, 3000);
  report.quantiles("tree (by series and process)", await byProcess(store, all), 3000, 3000);
  report.quantiles("timeline of everything", await timeline(store, all), 3000, 3000);
  report.line(
    "CPU of the store in all, s",
    (process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6).toFixed(1),
  );
}

async function onePod(selector: Selector, range: { from: number; to: number }): Promise<string> {
  const { values } = await store.labelValues("k8s_pod_name", selector, range, 1);
  return values[0]!;
}

async function requestsOf(file: string): Promise<void> {
  report.title(`the requests of ${file}, ${options.repeat} times`);
  await intake(fileRequests(file, start, Number(options.repeat)), undefined);
  await questions(undefined);
}

/** Stores requests as fast as it goes, and tells what that takes. */
async function intake(requests: AsyncIterable<StoreRequest>, perSecond: number | undefined): Promise<void> {
  const latencies: number[] = [];
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  await append(requests, latencies);
  const halfway = process.cpuUsage(cpuBefore);
  await store.flush();
  const { user, system } = process.cpuUsage(cpuBefore);
  const wall = (performance.now() - began) / 1000;
  await store.tidied();
  const cpu = (user + system) / 1e6;
  const all = cpu + merging.cpuMs / 1000;
  const { samples, bytes, rejected } = stored;
  report.section("intake");
  report.line("requests, samples, rejected", `${latencies.length}, ${samples}, ${rejected}`);
  report.line("bytes of OTLP a sample", (bytes / samples).toFixed(0));
  report.line(
    "CPU of the store / of merging, s",
    `${cpu.toFixed(1)} / ${(merging.cpuMs / 1000).toFixed(1)} (${merging.jobs} jobs)`,
  );
  report.line("CPU before the last flush, s", ((halfway.user + halfway.system) / 1e6).toFixed(1));
  report.goal("MB of OTLP a CPU second, merging included", bytes / 1e6 / all, ">=", 27);
  report.line("CPU s a million samples", ((all / samples) * 1e6).toFixed(2));
  if (perSecond !== undefined) report.goal("times real time (wall)", samples / wall / perSecond, ">=", 10);
  report.goal("acknowledgement p99, ms", percentile(latencies, 0.99), "<", durability === "fsync" ? 100 : 50);
  report.line("acknowledgement p50, ms", percentile(latencies, 0.5).toFixed(1));
  report.goal("resident memory of the store, MB", peakRss / 1e6, "<=", 450);
  report.line("  of which, MB", peakText());
  report.goal("resident memory of merging, MB", merging.peakBytes / 1e6, "<=", 250);
  report.section("disk, bytes a sample");
  const sizes = store.state().bytes;
  const size = (name: string): number => (sizes.get(name) ?? 0) / samples;
  for (const name of ["disk.10s", "disk.names", "disk.60s", "disk.5m", "disk.events"])
    report.line(name, size(name).toFixed(3));
  report.goal("10 s tier with stacks and names", size("disk.10s") + size("disk.names"), "<=", 2);
  report.goal("60 s tier", size("disk.60s"), "<=", 1);
}

async function append(
  requests: AsyncIterable<StoreRequest>,
  latencies: number[],
  until?: () => boolean,
): Promise<void> {
  const waiting = new Set<Promise<void>>();
  for await (const { bytes, receivedAt } of requests) {
    if (until?.() === true) break;
    if (receivedAt > clock.nowMs()) await clock.advance(receivedAt - clock.nowMs());
    const began = performance.now();
    const one = appendPatiently(bytes, receivedAt).then(() => {
      latencies.push(performance.now() - began);
      waiting.delete(one);
    });
    waiting.add(one);
    if (waiting.size >= IN_FLIGHT) await Promise.race(waiting);
    if (latencies.length % 50 === 0) lookAtMemory();
  }
  await Promise.all(waiting);
}

function lookAtMemory(): void {
  const rss = process.memoryUsage.rss();
  if (rss <= peakRss) return;
  peakRss = rss;
  const { heapTotal, external } = process.memoryUsage();
  const ofStore = [...store.state().bytes].filter(([name]) => name.startsWith("memory."));
  peakParts = new Map([["heap", heapTotal], ["all buffers", external], ...ofStore]);
}

/** What the peak was made of; the rest is Node's and DuckDB's own, buffers of the engine first. */
function peakText(): string {
  return [...peakParts].map(([name, bytes]) => `${name.replace("memory.", "")} ${(bytes / 1e6).toFixed(0)}`).join(", ");
}

/** Time here runs faster than the disk: a store that asks for patience gets it. */
async function appendPatiently(bytes: Uint8Array, receivedAt: number): Promise<void> {
  for (;;) {
    try {
      const receipt = await store.append({ bytes, receivedAt });
      stored.samples += receipt.samples;
      stored.bytes += bytes.length;
      for (const count of receipt.rejected.values()) stored.rejected += count;
      return;
    } catch (error) {
      if (!(error instanceof Error && "kind" in error && error.kind === "overloaded")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Asks questions, alone and while more requests come. */
async function questions(more: AsyncIterable<StoreRequest> | undefined): Promise<void> {
  const to = store.state().visibleUpTo;
  const hour = { from: to - HOUR_MS, to };
  const byWeight = await services(store, hour);
  const named = (name: string | undefined): string => (name === undefined ? "{}" : `{service_name="${name}"}`);
  const heaviest = named(byWeight[0]);
  const median = named(byWeight[Math.floor(byWeight.length / 2)]);
  for (const isBusy of more === undefined ? [false] : [false, true]) {
    report.section(isBusy ? "questions while requests come, ms p50 / p95" : "questions, ms p50 / p95");
    let isDone = false;
    const intakeOn = isBusy && more ? append(more, [], () => isDone) : Promise.resolve();
    report.quantiles("label values", await timed(() => store.labelValues("service_name", [], hour, 1000)), 20, 20);
    report.quantiles("flame graph, median service, 1 h", await flame(median, hour), 150, 500);
    report.quantiles("flame graph, heaviest service, 1 h", await flame(heaviest, hour), 150, 500);
    report.quantiles(
      "flame graph, heaviest, 10 min",
      await flame(heaviest, { from: to - 10 * MINUTE_MS, to }),
      150,
      500,
    );
    report.quantiles("flame graph, everything, 1 h", await flame("{}", hour), 1500, 1500);
    report.quantiles("tree (by series and process), 1 h", await byProcess(store, hour), 1500, 1500);
    report.quantiles("timeline of everything, 1 h", await timeline(store, hour), 1500, 1500);
    isDone = true;
    await intakeOn;
  }
  lookAtMemory();
  report.goal("resident memory of the store, MB, at most", peakRss / 1e6, "<=", 450);
  report.line("  of which, MB", peakText());
  report.line("resident memory of the store, MB, in the end", (process.memoryUsage.rss() / 1e6).toFixed(0));
}

async function services(of: ProfileStore, range: { from: number; to: number }): Promise<readonly string[]> {
  const spans = await of.resolve([], range, "cpu");
  const names = [...new Set(spans.map(({ labels }) => labels.get("service_name") ?? ""))].filter((name) => name !== "");
  const grouped = spans.map((span) => ({
    ...span,
    group: Math.max(0, names.indexOf(span.labels.get("service_name") ?? "")),
  }));
  const { length, group, value } = await of.sum({ type: "cpu", range, spans: grouped, by: "nothing" });
  const sums = new Float64Array(names.length);
  for (let at = 0; at < length; at++) sums[group[at]!]! += value[at]!;
  return names
    .map((name, at) => ({ name, sum: sums[at]! }))
    .sort((a, b) => b.sum - a.sum)
    .map(({ name }) => name);
}

/** Graphs as the API answers them: nodes pruned, frames named, the whole as bytes. */
async function flame(query: string, { from, to }: { from: number; to: number }): Promise<Timed> {
  const path = `/api/v1/flamegraph?format=binary&from=${from}&to=${to}&query=${encodeURIComponent(query)}`;
  return timed(async () => {
    const answer = await api.request(path);
    const bytes = await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
    return `${(bytes.byteLength / 1000).toFixed(0)} kB`;
  });
}

async function byProcess(of: EmbeddedStore, range: { from: number; to: number }): Promise<Timed> {
  return timed(async () => {
    const spans = await of.resolve([], range, "cpu");
    const numbered = spans.map((span, at) => ({ ...span, group: at }));
    const sums = await of.sum({ type: "cpu", range, spans: numbered, by: "process" });
    return `${sums.plan.rows} rows of ${sums.plan.blocks} blocks → ${sums.length}`;
  });
}

async function timeline(of: EmbeddedStore, range: { from: number; to: number }): Promise<Timed> {
  return timed(async () => {
    const spans = await of.resolve([], range, "cpu");
    const { slots } = await of.timeline({
      type: "cpu",
      range,
      spans: spans.map((span) => ({ ...span, group: 0 })),
      step: 10_000,
    });
    return `${slots} steps`;
  });
}

interface Timed {
  readonly times: readonly number[];
  readonly note: string;
}

async function timed(ask: () => Promise<unknown>): Promise<Timed> {
  const times: number[] = [];
  let note: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    note = await ask();
    times.push(performance.now() - began);
  }
  return { times, note: typeof note === "string" ? note : "" };
}
