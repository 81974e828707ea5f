import type { Command } from "commander";
import { Collector, loadConfiguration, StartError } from "#collector";
import { createLogger, MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { clusterAccess, namingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { ExitCode, Fault } from "./exit.ts";
import { presetFile, ROOT } from "./install.ts";
import { kernelFault } from "./kernel-fault.ts";
import { durationOption } from "./options.ts";
import { hostPortOption, probePort, shownAddress, type HostPort } from "./ports.ts";
import { Replay } from "./replay.ts";
import { type Companion, FatalReports, runCollector } from "./run-collector.ts";

interface UpFlags {
  readonly listen: HostPort;
  readonly duration?: number;
  readonly replay?: boolean;
}

/** What holds for live samples and for the recording. */
interface Surroundings {
  readonly grpc: HostPort;
  /** Values laid upon the preset. */
  readonly sets: readonly string[];
  readonly endAfterMs: number | undefined;
}

const DEFAULT_LISTEN: HostPort = { host: "127.0.0.1", port: 4317 };
const METRICS: HostPort = { host: "127.0.0.1", port: 8888 };
const SHUTDOWN_DEADLINE_MS = 10_000;
const NOTHING_BESIDE: Companion = { stop: async () => undefined };

export function define(command: Command): void {
  command
    .description(
      "Run a collector on this machine and show live who keeps its CPUs busy: containers with their pods, processes and\n" +
        "the functions that are hottest. Where this machine can't be sampled it replays recorded profiles instead.",
    )
    .option(
      "--listen <host:port>",
      "OTLP/gRPC listens there, OTLP/HTTP on the next port (default: 127.0.0.1:4317; port 0: any two)",
      hostPortOption,
      DEFAULT_LISTEN,
    )
    .option("--duration <duration>", "end after so long, e.g. 30s (default: at Ctrl-C)", durationOption)
    .option("--replay", "replay recorded profiles of three containers, and don't sample this machine")
    .addHelpText(
      "after",
      `
Examples:
  sudo podflame up
  podflame up --replay --listen 127.0.0.1:14317 --duration 30s
  podflame config print up                       the configuration behind it

Send your own profiles, traces, metrics and logs to the same ports; they show up in the table as well. Pods are named by
the cluster of your kubeconfig, if there is one.`,
    )
    .action((flags: UpFlags) => up(flags));
}

async function up({ listen, duration, replay }: UpFlags): Promise<void> {
  const { grpc, http } = await claimPorts(listen);
  const metricsFree = (await probePort(METRICS)) !== undefined;
  if (!metricsFree) say(`${shownAddress(METRICS)} is taken: own metrics are off`);
  const surroundings = {
    grpc,
    endAfterMs: duration,
    sets: [
      `receivers::otlp::protocols::grpc::endpoint="${shownAddress(grpc)}"`,
      `receivers::otlp::protocols::http::endpoint="${shownAddress(http)}"`,
      ...(metricsFree ? [] : ["service::telemetry::metrics::level=none"]),
    ],
  };
  say(`OTLP/gRPC on ${shownAddress(grpc)}, OTLP/HTTP on ${shownAddress(http)}. Ctrl-C ends it.`);
  if (replay === true) return runReplay(surroundings, "--replay asks for it");
  try {
    await runLive(surroundings);
  } catch (caught) {
    const fault = caught instanceof StartError ? kernelFault(caught.cause) : undefined;
    if (fault === undefined) throw caught;
    await runReplay(surroundings, fault.message);
  }
}

/** Samples this machine. @throws StartError because of the kernel or its privileges, where it can't be sampled */
async function runLive(surroundings: Surroundings): Promise<void> {
  const access = clusterAccess();
  const configs = [presetFile("up")!, `yaml:${namingOverlay(access)}`];
  await runWith(configs, surroundings, async () => {
    const named = access === undefined ? "" : "; pods are named by the cluster that you have access to";
    say(`Live samples of this machine, 20 a second on each CPU${named}.`);
    return NOTHING_BESIDE;
  });
}

/** @param why the machine isn't sampled */
async function runReplay(surroundings: Surroundings, why: string): Promise<void> {
  await runWith([presetFile("replay")!], surroundings, async (collector) => {
    const telemetry = { logger: collector.logger ?? silentLogger, metrics: new MetricRegistry(), clock: systemClock };
    const replay = new Replay(shownAddress(surroundings.grpc), telemetry, collector.buffers);
    say(`This is a recorded replay of ${ROOT}/testdata/captures: ${why}.`);
    replay.start();
    return replay;
  });
}

async function runWith(
  configs: readonly string[],
  { sets, endAfterMs }: Surroundings,
  beside: (collector: Collector) => Promise<Companion>,
): Promise<void> {
  const fatal = new FatalReports();
  const collector = new Collector({
    load: () => loadConfiguration({ configs, sets }, catalog),
    createLogger: (logs) => createLogger(logs),
    clock: systemClock,
    shutdownDeadlineMs: SHUTDOWN_DEADLINE_MS,
    onFatal: fatal.report,
  });
  await runCollector(collector, fatal, {
    ...(endAfterMs === undefined ? {} : { endAfterMs }),
    beside: () => beside(collector),
  });
}

/** Finds out which ports can be had before anything starts, so that all that are taken can be told at once. */
async function claimPorts(listen: HostPort): Promise<{ grpc: HostPort; http: HostPort }> {
  if (listen.port === 65535) throw new Fault(ExitCode.USER, "--listen: the next port, for OTLP/HTTP, doesn't exist");
  const wanted = [listen, { ...listen, port: listen.port === 0 ? 0 : listen.port + 1 }];
  const got = await Promise.all(wanted.map((address) => probePort(address)));
  const taken = wanted.filter((_, index) => got[index] === undefined).map(shownAddress);
  if (taken.length > 0) {
    throw new Fault(
      ExitCode.USER,
      `${taken.join(" and ")} ${taken.length > 1 ? "are" : "is"} taken by another process; ` +
        "end that, or choose another port: podflame up --listen 127.0.0.1:14317",
    );
  }
  return { grpc: { ...listen, port: got[0]! }, http: { ...listen, port: got[1]! } };
}

function say(text: string): void {
  process.stderr.write(`podflame: ${text}\n`);
}
