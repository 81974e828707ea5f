import { startContender, type ContenderName, type Pipeline } from "./contender.ts";
import { checkBytes, HitError, verifyHits, type SizesOut } from "./hits.ts";
import { drive, Sink, type DriveReport, type RequestShape } from "./loadgen.ts";
import type { Row } from "./report.ts";
import { progress } from "../command.ts";
import type { Results, Session } from "./session.ts";

/** A closed loop through a server. */
export interface Scenario {
  readonly name: string;
  readonly shape: RequestShape;
  readonly pipeline: Pipeline;
  /** Bodies are compressed on the way in; the pipeline says how they go out. */
  readonly gzipIn?: boolean;
}

/** How a loop differs from the scenario's own: its rate, its length, variables for the server. */
export interface LoopOptions {
  readonly rate?: number;
  readonly seconds?: number;
  readonly connections?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a loop gave. */
export interface LoopReport extends DriveReport {
  /** When the server's port was open, in milliseconds since 1970. */
  readonly readyAt: number;
}

/** Checks once for each contender that every resource is enriched; what comes back is for `loop`. */
export async function verifyScenario(session: Session, scenario: Scenario): Promise<Record<ContenderName, SizesOut>> {
  const { shape, pipeline } = scenario;
  const sizes: Record<ContenderName, SizesOut> = { podflame: [], otelcol: [] };
  if (!pipeline.enrich) return sizes;
  const file = await session.requestsFile(shape);
  for (const name of session.options.contenders) {
    progress(`${scenario.name}, every resource of every request is checked, ${name}`);
    sizes[name] = await verifyHits(name, pipeline, shape, file, session.podOfContainer, session.settings);
  }
  return sizes;
}

/** One loop through a server and a sink started for it. Rejects with a `HitError` when anything was not enriched. */
export async function loop(
  session: Session,
  scenario: Scenario,
  name: ContenderName,
  sizes: SizesOut,
  options: LoopOptions = {},
): Promise<LoopReport> {
  const { ports } = session.settings;
  const sink = await Sink.counting(ports.sink);
  try {
    const server = await startContender(name, scenario.pipeline, session.settings, options.env);
    const readyAt = Date.now();
    let report: DriveReport;
    try {
      report = await drive({
        port: ports.intake,
        requestsFile: await session.requestsFile(scenario.shape),
        connections: options.connections ?? scenario.shape.connections,
        seconds: options.seconds ?? session.options.seconds,
        warmupSeconds: session.options.warmupSeconds,
        gzip: scenario.gzipIn ?? false,
        pid: server.pid,
        ...(options.rate !== undefined && { rate: options.rate }),
      });
    } finally {
      await server.stop();
    }
    const arrived = await sink.stop();
    if (scenario.pipeline.enrich) checkBytes(`${name} ${scenario.name}`, sizes, arrived);
    if (arrived.requests < report.requests) {
      throw new HitError(`${name} ${scenario.name}: ${report.requests} answered, ${arrived.requests} arrived`);
    }
    return { ...report, readyAt };
  } finally {
    await sink.stop().catch(() => undefined);
  }
}

/** MB of request bodies per CPU-second of the server, latency in the closed loop, and memory under load. */
export async function measureThroughput(session: Session, scenario: Scenario): Promise<readonly Row[]> {
  const sizes = await verifyScenario(session, scenario);
  const results = await session.alternate(scenario.name, (name) => loop(session, scenario, name, sizes[name]));
  return [
    row(scenario, "MB per CPU-second", results, (run) => run.mb / run.serverCpuSeconds!),
    row(scenario, "requests per CPU-second", results, (run) => run.requests / run.serverCpuSeconds!),
    row(scenario, "MB per second", results, (run) => run.mbPerSecond),
    row(scenario, "p50 ms, closed loop", results, (run) => run.p50Ms),
    row(scenario, "p99 ms, closed loop", results, (run) => run.p99Ms),
    row(scenario, "RSS MiB under load", results, (run) => run.serverRssMiB!),
    row(scenario, "peak RSS MiB", results, (run) => run.serverPeakRssMiB!),
  ];
}

function row(
  scenario: Scenario,
  quantity: string,
  results: Results<DriveReport>,
  value: (run: DriveReport) => number,
): Row {
  return {
    benchmark: scenario.name,
    quantity,
    podflame: results.podflame.map(value),
    ...(results.otelcol.length > 0 && { otelcol: results.otelcol.map(value) }),
  };
}
