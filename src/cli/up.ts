import type { Command } from "commander";
import { Collector, loadConfiguration, StartError } from "#collector";
import { createLogger, MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { type ClusterAccess, clusterAccess, namingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { containerRuntimes, type ContainerRuntimes, runtimeOverlay } from "./container-runtime.ts";
import { dataFolder } from "./data-folder.ts";
import { ExitCode, Fault } from "./exit.ts";
import { presetFile, ROOT } from "./install.ts";
import { kernelFault } from "./kernel-fault.ts";
import { openBrowser } from "./open-browser.ts";
import { durationOption } from "./options.ts";
import { hostPortOption, isTaken, probePort, shownAddress, type HostPort } from "./ports.ts";
import { Replay } from "./replay.ts";
import { type Companion, FatalReports, runCollector } from "./run-collector.ts";

interface UpFlags {
  readonly data: string;
  readonly listen: HostPort;
  readonly otlp?: HostPort;
  readonly table?: boolean;
  readonly open: boolean;
  readonly duration?: number;
  readonly replay?: boolean;
}

/** What holds for live samples and for the recording. */
interface Surroundings {
  readonly ui: HostPort;
  /** Undefined where somebody else takes OTLP on this machine. */
  readonly otlp: { readonly grpc: HostPort; readonly http: HostPort } | undefined;
  readonly table: boolean;
  readonly open: boolean;
  /** Values laid upon the preset. */
  readonly sets: readonly string[];
  readonly endAfterMs: number | undefined;
}

const DEFAULT_LISTEN: HostPort = { host: "127.0.0.1", port: 4040 };
const DEFAULT_OTLP: HostPort = { host: "127.0.0.1", port: 4317 };
const METRICS: HostPort = { host: "127.0.0.1", port: 8888 };
const SHUTDOWN_DEADLINE_MS = 10_000;
/** A recording begins with a page that isn't empty. */
const BACKFILL_MS = 5 * 60_000;
const NOTHING_BESIDE: Companion = { stop: async () => undefined };

export function define(command: Command): void {
  command
    .description(
      "Show on a page who keeps this machine's CPUs busy: live flame graphs by container and process, kept for later.\n" +
        "Where this machine can't be sampled it shows recorded profiles instead, and says what to do about it.",
    )
    .option("--data <dir>", "folder that profiles are kept in", dataFolder())
    .option(
      "--listen <host:port>",
      "the page is there (default: 127.0.0.1:4040; port 0: any)",
      hostPortOption,
      DEFAULT_LISTEN,
    )
    .option(
      "--otlp <host:port>",
      "OTLP/gRPC listens there, OTLP/HTTP on the next port (default: 127.0.0.1:4317, if free; port 0: any two)",
      hostPortOption,
    )
    .option("--table", "show a live table on standard output as well")
    .option("--no-open", "don't open a browser")
    .option("--duration <duration>", "end after so long, e.g. 30s (default: at Ctrl-C)", durationOption)
    .option("--replay", "replay recorded profiles of three containers, and don't sample this machine")
    .addHelpText(
      "after",
      `
Examples:
  sudo podflame up
  podflame up --replay --listen 127.0.0.1:5050 --data /tmp/podflame
  sudo podflame up --table --duration 30s
  podflame config print up                       the configuration behind it

Send your own profiles to the OTLP ports; they show up on the page as well. Pods are named by the cluster of your
kubeconfig, if there is one, or by this machine's container runtime.`,
    )
    .action((flags: UpFlags) => up(flags));
}

async function up({ data, listen, otlp: wanted, table, open, duration, replay }: UpFlags): Promise<void> {
  const ui = await claimPage(listen);
  const otlp = await claimOtlp(wanted);
  process.env["PODFLAME_DATA"] = data;
  const surroundings = {
    ui,
    otlp,
    table: table === true,
    open,
    endAfterMs: duration,
    sets: [
      `extensions::ui::endpoint="${shownAddress(ui)}"`,
      ...(otlp === undefined
        ? []
        : [
            `receivers::otlp::protocols::grpc::endpoint="${shownAddress(otlp.grpc)}"`,
            `receivers::otlp::protocols::http::endpoint="${shownAddress(otlp.http)}"`,
          ]),
    ],
  };
  const show = replay === true ? showReplay : showLive;
  try {
    await show(surroundings);
  } catch (caught) {
    // Looking before the start isn't enough: of two that start at once both would find the port free.
    if (!isTaken(caught, METRICS)) throw caught;
    say(`${shownAddress(METRICS)} is taken: own metrics are off`);
    await show({ ...surroundings, sets: [...surroundings.sets, "service::telemetry::metrics::level=none"] });
  }
}

function showReplay(surroundings: Surroundings): Promise<void> {
  return runReplay(surroundings, { reason: "--replay asks for it", remedy: "Start podflame up without --replay." });
}

/** Live samples, or the recording where this machine can't be sampled. */
async function showLive(surroundings: Surroundings): Promise<void> {
  try {
    await runLive(surroundings);
  } catch (caught) {
    const fault = caught instanceof StartError ? kernelFault(caught.cause) : undefined;
    if (fault === undefined) throw caught;
    const remedy = "Start it as root (sudo podflame up); podflame doctor kernel says what else may be missing.";
    await runReplay(surroundings, { reason: fault.message, remedy });
  }
}

/** Samples this machine. @throws StartError because of the kernel or its privileges, where it can't be sampled */
async function runLive(surroundings: Surroundings): Promise<void> {
  const access = clusterAccess();
  const runtimes = access === undefined ? containerRuntimes() : undefined;
  const configs = [presetFile("up")!, ...naming(access, runtimes), ...pipelines(["profiling"], surroundings)];
  await runWith(configs, surroundings, async () => {
    const named =
      access !== undefined
        ? "; pods are named by the cluster that you have access to"
        : runtimes !== undefined
          ? `; containers are named by the runtime at ${[runtimes.cri, runtimes.docker].filter(Boolean).join(" and ")}`
          : "";
    say(`Live samples of this machine, 20 a second on each CPU${named}.`);
    return NOTHING_BESIDE;
  });
}

function naming(access: ClusterAccess | undefined, runtimes: ContainerRuntimes | undefined): string[] {
  return [`yaml:${runtimes === undefined ? namingOverlay(access) : runtimeOverlay(runtimes, ["ui"])}`];
}

/** @param why the machine isn't sampled, and what to do about it */
async function runReplay(
  surroundings: Surroundings,
  why: { readonly reason: string; readonly remedy: string },
): Promise<void> {
  // The recording comes by OTLP, so that it takes the way that everything takes.
  const otlp = surroundings.otlp ?? (await claimOtlp({ ...DEFAULT_OTLP, port: 0 }))!;
  const mode = `yaml:${JSON.stringify({ extensions: { ui: { mode: { kind: "recorded", ...why } } } })}`;
  const endpoints = [`grpc::endpoint="${shownAddress(otlp.grpc)}"`, `http::endpoint="${shownAddress(otlp.http)}"`];
  const replaying = {
    ...surroundings,
    otlp,
    sets: [...surroundings.sets, ...endpoints.map((endpoint) => `receivers::otlp::protocols::${endpoint}`)],
  };
  await runWith([presetFile("replay")!, mode, ...pipelines([], replaying)], replaying, async (collector) => {
    const telemetry = { logger: collector.logger ?? silentLogger, metrics: new MetricRegistry(), clock: systemClock };
    const backfillMs = surroundings.table ? 0 : BACKFILL_MS;
    const replay = new Replay(shownAddress(otlp.grpc), telemetry, collector.buffers, backfillMs);
    say(`This is a recorded replay of ${ROOT}/testdata/captures: ${why.reason}.`);
    replay.start();
    return replay;
  });
}

/** Which pipelines there are, with the table and without, with OTLP and without. As YAML, to be laid upon a preset. */
function pipelines(sources: readonly string[], { otlp, table }: Surroundings): string[] {
  const intake = otlp === undefined ? [] : ["otlp"];
  const profiles = {
    receivers: [...sources, ...intake],
    exporters: table ? ["store", "live_table"] : ["store"],
  };
  const shown = { receivers: intake, processors: ["k8s_attributes"], exporters: ["live_table"] };
  const others = table && otlp !== undefined ? { traces: shown, metrics: shown, logs: shown } : {};
  const overlay = {
    ...(table ? { exporters: { live_table: { interval: "2s" } } } : {}),
    service: { pipelines: { profiles, ...others } },
  };
  return [`yaml:${JSON.stringify(overlay)}`];
}

async function runWith(
  configs: readonly string[],
  { ui, otlp, open, sets, endAfterMs }: Surroundings,
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
    beside: () => {
      const url = `http://${shownAddress(ui)}/`;
      const intake =
        otlp === undefined ? "" : ` OTLP/gRPC on ${shownAddress(otlp.grpc)}, OTLP/HTTP on ${shownAddress(otlp.http)}.`;
      say(`Open ${url} in a browser.${intake} Ctrl-C ends it.`);
      if (open) openBrowser(url);
      return beside(collector);
    },
  });
}

async function claimPage(listen: HostPort): Promise<HostPort> {
  const port = await probePort(listen);
  if (port !== undefined) return { ...listen, port };
  throw new Fault(
    ExitCode.USER,
    `${shownAddress(listen)} is taken by another process, perhaps another podflame; ` +
      `end that, or choose another port: podflame up --listen 127.0.0.1:${listen.port === 65535 ? 4040 : listen.port + 1}`,
  );
}

/**
 * Finds out which ports can be had before anything starts. Those that the user asked for must be free; without the usual
 * ones podflame does without.
 */
async function claimOtlp(asked: HostPort | undefined): Promise<Surroundings["otlp"]> {
  const wanted = asked ?? DEFAULT_OTLP;
  if (wanted.port === 65535) throw new Fault(ExitCode.USER, "--otlp: the next port, for OTLP/HTTP, doesn't exist");
  const both = [wanted, { ...wanted, port: wanted.port === 0 ? 0 : wanted.port + 1 }];
  const got = await Promise.all(both.map((address) => probePort(address)));
  const taken = both.filter((_, index) => got[index] === undefined).map(shownAddress);
  if (taken.length === 0) return { grpc: { ...wanted, port: got[0]! }, http: { ...wanted, port: got[1]! } };
  const what = `${taken.join(" and ")} ${taken.length > 1 ? "are" : "is"} taken by another process`;
  if (asked === undefined) {
    say(`${what}: nothing is taken in by OTLP. For other ports: podflame up --otlp 127.0.0.1:14317`);
    return undefined;
  }
  throw new Fault(ExitCode.USER, `${what}; end that, or choose another port: podflame up --otlp 127.0.0.1:14317`);
}

function say(text: string): void {
  process.stderr.write(`podflame: ${text}\n`);
}
