import type { Command } from "commander";
import { Collector, loadConfiguration } from "#collector";
import { createLogger, MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { catalog } from "./components.ts";
import { ExitCode, Fault } from "./exit.ts";
import { presetFile, ROOT } from "./install.ts";
import { durationOption } from "./options.ts";
import { hostPortOption, probePort, shownAddress, type HostPort } from "./ports.ts";
import { Replay } from "./replay.ts";
import { FatalReports, runCollector } from "./run-collector.ts";

interface UpFlags {
  readonly listen: HostPort;
  readonly duration?: number;
}

const DEFAULT_LISTEN: HostPort = { host: "127.0.0.1", port: 4317 };
const METRICS: HostPort = { host: "127.0.0.1", port: 8888 };
const SHUTDOWN_DEADLINE_MS = 10_000;

export function define(command: Command): void {
  command
    .description(
      "Run a collector on this machine and show live who is busy. As yet it replays recorded profiles of three\n" +
        "containers through its own gRPC port, and names them from a recorded list of pods.",
    )
    .option(
      "--listen <host:port>",
      "OTLP/gRPC listens there, OTLP/HTTP on the next port (default: 127.0.0.1:4317; port 0: any two)",
      hostPortOption,
      DEFAULT_LISTEN,
    )
    .option("--duration <duration>", "end after so long, e.g. 30s (default: at Ctrl-C)", durationOption)
    .addHelpText(
      "after",
      `
Examples:
  podflame up
  podflame up --listen 127.0.0.1:14317 --duration 30s
  podflame config print up                       the configuration behind it

Send your own profiles, traces, metrics and logs to the same ports; they show up in the table as well.`,
    )
    .action((flags: UpFlags) => up(flags));
}

async function up({ listen, duration }: UpFlags): Promise<void> {
  const { grpc, http } = await claimPorts(listen);
  const metricsFree = (await probePort(METRICS)) !== undefined;
  if (!metricsFree) say(`${shownAddress(METRICS)} is taken: own metrics are off`);
  const sets = [
    `receivers::otlp::protocols::grpc::endpoint="${shownAddress(grpc)}"`,
    `receivers::otlp::protocols::http::endpoint="${shownAddress(http)}"`,
    ...(metricsFree ? [] : ["service::telemetry::metrics::level=none"]),
  ];
  const fatal = new FatalReports();
  const collector = new Collector({
    load: () => loadConfiguration({ configs: [presetFile("up")!], sets }, catalog),
    createLogger: (logs) => createLogger(logs),
    clock: systemClock,
    shutdownDeadlineMs: SHUTDOWN_DEADLINE_MS,
    onFatal: fatal.report,
  });
  await runCollector(collector, fatal, {
    ...(duration === undefined ? {} : { endAfterMs: duration }),
    beside: async () => {
      const telemetry = { logger: collector.logger ?? silentLogger, metrics: new MetricRegistry(), clock: systemClock };
      const replay = new Replay(shownAddress(grpc), telemetry, collector.buffers);
      say(`OTLP/gRPC on ${shownAddress(grpc)}, OTLP/HTTP on ${shownAddress(http)}. Ctrl-C ends it.`);
      say(
        `This is a recorded replay, not this machine: ${replay.names.join(" and ")} of ${ROOT}/testdata/captures, ` +
          "one request a second.",
      );
      replay.start();
      return replay;
    },
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
