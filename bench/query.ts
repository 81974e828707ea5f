/**
 * What whoever opens the page waits for: questions to the HTTP API over the store on disk, alone and while requests come.
 * See `npm run bench -- query --help` and docs/benchmarks.md.
 */
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeHttp } from "#node-http";
import { createApi, serve } from "#query";
import { type EmbeddedStore, openEmbeddedStore, StoreError } from "#store";
import { ManualClock } from "#telemetry";
import { numberOption, progress, runBenchmark } from "./command.ts";
import { median } from "./figures.ts";
import { CLUSTER } from "./store/cluster-load.ts";
import { Report } from "./store/report.ts";
import { clusterRequests, fileRequests, type StoreRequest } from "./store/requests.ts";

const HELP = `usage: npm run bench -- query [options]

  --minutes N      of a cluster's samples, default 60
  --nodes N        of the cluster, default ${CLUSTER.nodes}
  --containers N   of the cluster, default ${CLUSTER.containers}
  --requests FILE  stores the requests that "loadgen make" wrote, instead of a cluster's
  --repeat N       times that they are stored, default 1
  --rounds N       times that each question is asked, default 15
`;

const HOUR_MS = 3_600_000;
const INTERVALS_A_MINUTE = 12;
/** Requests whose acknowledgement is waited for at once. */
const IN_FLIGHT = 8;
/** As Chromium has it. */
const ACCEPT_ENCODING = "gzip, deflate, br, zstd";

/** A question, and what it may take in milliseconds. */
interface Question {
  readonly what: string;
  readonly path: string;
  readonly p50: number;
  readonly p95: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "60" },
      nodes: { type: "string", default: String(CLUSTER.nodes) },
      containers: { type: "string", default: String(CLUSTER.containers) },
      requests: { type: "string" },
      repeat: { type: "string", default: "1" },
      rounds: { type: "string", default: "15" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const number = (name: "minutes" | "nodes" | "containers" | "repeat" | "rounds"): number =>
    numberOption(name, values[name], 1);
  const directory = await mkdtemp(join(tmpdir(), "podflame-bench-query-"));
  const yesterday = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 24 * HOUR_MS;
  // Samples of such a file are of the five seconds after it was made.
  const start = values.requests === undefined ? yesterday : Math.ceil((await stat(values.requests)).mtimeMs) + 5000;
  const clock = new ManualClock(start);
  const store = await openEmbeddedStore({ directory, clock, durability: "write" });
  const api = createApi({
    store,
    status: () => ({ version: "bench", mode: { kind: "live", reason: "", remedy: "" } }),
    now: () => clock.nowMs(),
    onInternalError: (error) => progress(String(error)),
  });
  const served = await serve(api, { host: "127.0.0.1", port: 0 });
  const report = new Report();
  try {
    const intake = new Intake(store, clock);
    const rounds = number("rounds");
    if (values.requests !== undefined) {
      await intake.take(fileRequests(values.requests, start, number("repeat")));
      await settle(store, clock);
      report.title(`the requests of ${values.requests}: ${intake.told()}`);
      // The samples have no names: one graph of everything, which Pyroscope 2.2.1 took 7.8 s for (729,000 samples).
      report.section("questions, ms p50 / p95");
      await ask(report, served.url, rounds, [
        { what: "flame graph, everything", path: "flamegraph?format=binary&from=now-1h", p50: 300, p95: 300 },
        { what: "tree", path: "tree?from=now-1h", p50: 1500, p95: 1500 },
      ]);
      return 0;
    }
    const shape = { ...CLUSTER, nodes: number("nodes"), containers: number("containers") };
    const minutes = number("minutes");
    progress(`storing ${minutes} minutes of ${shape.nodes} nodes`);
    await intake.take(clusterRequests({ start, intervals: minutes * INTERVALS_A_MINUTE, shape }));
    await settle(store, clock);
    report.title(`${shape.nodes} nodes, ${shape.containers} containers, ${minutes} minutes, ${intake.told()}`);
    const questions = await clusterQuestions(store);
    report.section("questions, ms p50 / p95");
    await ask(report, served.url, rounds, questions);
    for (const [pace, how] of [
      ["real", "as the cluster sends them"],
      ["fast", "as fast as they can be stored"],
    ] as const) {
      report.section(`questions while requests come ${how}, ms p50 / p95`);
      const more = intake.take(clusterRequests({ start: clock.nowMs(), intervals: 1_000_000, shape }), pace);
      await ask(report, served.url, rounds, questions);
      intake.end();
      await more;
    }
    return 0;
  } finally {
    await served.close(0);
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function settle(store: EmbeddedStore, clock: ManualClock): Promise<void> {
  await store.flush();
  await store.tidied();
  await clock.advance(1);
}

/** What the page asks, for the heaviest service and for the one in the middle. */
async function clusterQuestions(store: EmbeddedStore): Promise<readonly Question[]> {
  const to = store.state().visibleUpTo;
  const { values } = await store.labelValues("service_name", [], { from: to - HOUR_MS, to }, 10_000);
  // Services are numbered from the heaviest on.
  const byNumber = values.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const graph = (service: string | undefined): string => {
    const query = encodeURIComponent(`{service_name="${service}"}`);
    return `flamegraph?format=binary&from=now-1h&query=${query}`;
  };
  return [
    { what: "label values", path: "labels/service_name/values?from=now-1h", p50: 20, p95: 20 },
    {
      what: "flame graph, service in the middle, 1 h",
      path: graph(byNumber[Math.floor(byNumber.length / 2)]),
      p50: 150,
      p95: 500,
    },
    { what: "flame graph, heaviest service, 1 h", path: graph(byNumber[0]), p50: 150, p95: 500 },
    { what: "flame graph, whole cluster, 1 h", path: "flamegraph?format=binary&from=now-1h", p50: 1500, p95: 1500 },
    { what: "top, whole cluster, 1 h", path: "top?from=now-1h", p50: 1500, p95: 1500 },
    { what: "tree, 1 h", path: "tree?from=now-1h", p50: 1500, p95: 1500 },
    { what: "timeline by namespace, 1 h", path: "timeline?from=now-1h&group_by=namespace", p50: 1500, p95: 1500 },
  ];
}

/** Asks each question some times in a row. The first time is told apart: names are not numbered yet. */
async function ask(report: Report, url: string, rounds: number, questions: readonly Question[]): Promise<void> {
  for (const { what, path, p50, p95 } of questions) {
    const times: number[] = [];
    const cpu: number[] = [];
    let bytes = 0;
    for (let round = 0; round <= rounds; round++) {
      const before = process.cpuUsage();
      const began = performance.now();
      bytes = await fetchLength(`${url}api/v1/${path}`);
      times.push(performance.now() - began);
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1000);
    }
    const [first = Number.NaN, ...later] = times;
    const note = `first ${first.toFixed(0)}, CPU ${median(cpu.slice(1)).toFixed(0)}, ${(bytes / 1000).toFixed(0)} kB`;
    report.quantiles(what, { times: later, note }, p50, p95);
  }
}

/** Bytes of an answer as they are sent. Rejects where it is no answer. */
async function fetchLength(url: string): Promise<number> {
  const request = nodeHttp.get(url, { headers: { "accept-encoding": ACCEPT_ENCODING } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let bytes = 0;
  for await (const piece of response) bytes += (piece as Buffer).length;
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
  return bytes;
}

/** Stores requests; time is simulated, and passes as fast as it goes or as on a clock. */
class Intake {
  samples = 0;
  /** Samples that the store didn't take, by reason. */
  readonly rejected = new Map<string, number>();
  #isEnded = false;
  readonly #store: EmbeddedStore;
  readonly #clock: ManualClock;

  constructor(store: EmbeddedStore, clock: ManualClock) {
    this.#store = store;
    this.#clock = clock;
  }

  async take(requests: AsyncIterable<StoreRequest>, pace: "fast" | "real" = "fast"): Promise<void> {
    const waiting = new Set<Promise<void>>();
    const began = performance.now() - this.#clock.nowMs();
    this.#isEnded = false;
    for await (const request of requests) {
      const early = request.receivedAt - (performance.now() - began);
      if (pace === "real" && early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      if (this.#isEnded) break;
      const ahead = request.receivedAt - this.#clock.nowMs();
      if (ahead > 0) await this.#clock.advance(ahead);
      const one = this.#append(request).then(() => {
        waiting.delete(one);
      });
      waiting.add(one);
      if (waiting.size >= IN_FLIGHT) await Promise.race(waiting);
    }
    await Promise.all(waiting);
  }

  /** How much was stored, in words. */
  told(): string {
    const rejected = [...this.rejected].map(([reason, count]) => `, ${count} ${reason}`);
    return `${this.samples} samples${rejected.join("")}`;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** Time runs faster than the disk: a store that asks for patience gets it. */
  async #append(request: StoreRequest): Promise<void> {
    for (;;) {
      try {
        const { samples, rejected } = await this.#store.append(request);
        this.samples += samples;
        for (const [reason, count] of rejected) this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + count);
        return;
      } catch (error) {
        if (!(error instanceof StoreError && error.kind === "overloaded")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

await runBenchmark("query", main);
