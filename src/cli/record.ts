import { existsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { ProfilerAccounts, ProfilerFilter, ProfilerSettings } from "#profiler";
import { createLogger, MetricRegistry, systemClock } from "#telemetry";
import { LossReport } from "./convert/loss-report.ts";
import { outputFor } from "./convert/output-format.ts";
import { encodeOutput, writeWhole } from "./convert/write-output.ts";
import { ExitCode, Fault } from "./exit.ts";
import { kernelFault } from "./kernel-fault.ts";
import { durationOption } from "./options.ts";
import { RecordedCommand } from "./record/command.ts";
import { Interruption } from "./record/interruption.ts";
import { RecordProgress } from "./record/progress.ts";
import { Recording } from "./record/recording.ts";
import { subjectOptions, withSubjects } from "./record/subjects.ts";
import { summaryLines, summaryOf } from "./record/summary.ts";
import { containerNamed, containersOfPod, runningContainers } from "./record/targets.ts";

interface RecordFlags {
  readonly output: string;
  readonly to?: string;
  readonly duration?: number;
  readonly frequency: number;
  readonly pid?: number;
  readonly container?: string;
  readonly pod?: string;
  readonly offCpu?: number | true;
  readonly type?: string;
  readonly json?: boolean;
}

/** Fast enough that ten seconds tell something, and not in step with what happens a hundred times a second. */
const DEFAULT_HZ = 99;
const DEFAULT_DURATION_MS = 10_000;
/** Samples that the profiler may gather before it hands them over, half of what it has room for. */
const SAMPLES_A_REQUEST = 32_768;
const MAX_REPORT_MS = 60_000;
/** With waits nobody knows how many samples come. */
const OFF_CPU_REPORT_MS = 1000;
/** How long the end of a recording may take for names that were not found while it ran. */
const NAME_WITHIN_MS = 5000;
/** How long a command may take to end when it's asked to, before it is left alone. */
const COMMAND_END_MS = 5000;

export function define(command: Command): void {
  command
    .description("Record profiles of this machine, of a process, a container or a pod, or of a command until it ends.")
    .argument("[command...]", "behind --: what to start and record, with everything that it starts")
    .requiredOption("-o, --output <file>", "where to; its ending says the format; - is standard output")
    .option("--to <format>", "otlp, otlp-json, pprof, folded, speedscope, firefox or html")
    .option("--duration <duration>", "how long, e.g. 30s (default: 10s, or until the command ends)", durationOption)
    .option("--frequency <hz>", "samples a second on each CPU, 1 to 999", frequencyOption, DEFAULT_HZ)
    .option("--pid <pid>", "only that process, with all its threads", pidOption)
    .option("--container <id>", "only that container; the first 4 digits of its id or more")
    .option("--pod <pod>", "only that pod: NAMESPACE/NAME, or its uid")
    .option("--off-cpu [share]", "also where threads wait: the share of waits to record, 0 to 1 (default: all)", share)
    .option("--type <name>", "the sample type for formats that have one only: samples or off_cpu")
    .option("--json", "print what was recorded as one JSON document")
    .addHelpText(
      "after",
      `
Endings: .html (flame graph), .pb.gz .pprof (pprof), .folded .collapsed, .speedscope.json, .firefox.json, .otlp .binpb,
.otlp.json. Containers are told apart: as outermost frames, or as labels in pprof. Needs root or capabilities: podflame doctor kernel.

Examples:
  sudo podflame record -o machine.html                     10 seconds of everything
  sudo podflame record --duration 30s --container 3f2a91 -o shop.pb.gz
  sudo podflame record --pod shop/checkout-0 --off-cpu -o checkout.otlp
  sudo podflame record -o build.html -- make -j4           until make ends
  sudo podflame record -o - --to folded | flamegraph.pl > now.svg

Ctrl-C ends the recording early; what is there is written. A command that still runs when the recording ends is asked
to end as well (SIGTERM). Exit codes: 0 done; 1 options at fault or the file can't be
written; 2 this machine can't be sampled as this user.`,
    )
    .action((words: string[], flags: RecordFlags) => record(words, flags));
}

function frequencyOption(value: string): number {
  const hz = Number(value);
  if (!Number.isInteger(hz) || hz < 1 || hz > 999) throw new InvalidArgumentError("expected a number from 1 to 999.");
  return hz;
}

function pidOption(value: string): number {
  const pid = Number(value);
  if (!/^\d+$/.test(value) || pid < 1 || pid > 2 ** 22) throw new InvalidArgumentError("expected a process id.");
  return pid;
}

function share(value: string): number {
  const number = Number(value);
  if (!(number > 0 && number <= 1)) throw new InvalidArgumentError("expected a share above 0 and up to 1.");
  return number;
}

async function record(words: readonly string[], flags: RecordFlags): Promise<void> {
  const output = await outputFor(flags.output, flags.to);
  if (flags.json === true && flags.output === "-") {
    throw new Fault(ExitCode.USER, "--json and -o - both want standard output; record into a file");
  }
  await checkFolder(flags.output);
  const only = [flags.pid, flags.container, flags.pod, words[0]].filter((one) => one !== undefined);
  if (only.length > 1) {
    throw new Fault(ExitCode.USER, "--pid, --container, --pod and a command exclude each other: choose one");
  }
  const recording = new Recording();
  const command = words.length > 0 ? await commandOf(words) : undefined;
  const interruption = new Interruption();
  // The profiler's own timers don't keep the process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const filter = command ? { rules: { cgroupPaths: [command.cgroupPath] } } : await filterOf(flags);
    const session = await sampled(recording, filter, flags, command, interruption);
    const model = await recording.merged();
    const isOtlp = output.format.kind === "otlp";
    const bytes = await encodeOutput(isOtlp ? model : withSubjects(model), output, new LossReport(), {
      format: subjectOptions(flags.type),
      // Most formats have no place for all that a recording holds; whoever wants it writes OTLP.
      tell: () => undefined,
    });
    await writeWhole(flags.output, bytes);
    const end = await command?.end(COMMAND_END_MS);
    const facts = { output: flags.output, bytes: bytes.length, frequencyHz: flags.frequency, command: end, ...session };
    const summary = summaryOf(model, facts);
    if (flags.json === true) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    else for (const line of summaryLines(summary)) say(line);
  } finally {
    clearInterval(alive);
    interruption.close();
    command?.removeGroup();
  }
}

/** Who may not make control groups may not sample either, as a rule: that is what to say then. */
async function commandOf(words: readonly string[]): Promise<RecordedCommand> {
  try {
    return new RecordedCommand(words);
  } catch (caught) {
    if (!(caught instanceof Fault) || caught.exitCode !== ExitCode.MISSING) throw caught;
    const { checkKernel, KernelSupportError } = await import("#profiler");
    const problems = checkKernel().flatMap(({ ok, what, detail, remedy = "" }) =>
      ok ? [] : [{ what: `${what}: ${detail}`, remedy }],
    );
    throw problems.length > 0 ? kernelFault(new KernelSupportError(problems)) : caught;
  }
}

/** The file would not come into being: better to know before half an hour is recorded. */
async function checkFolder(file: string): Promise<void> {
  if (file === "-") return;
  try {
    await access(dirname(resolve(file)), constants.W_OK);
  } catch (error) {
    throw new Fault(ExitCode.USER, `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

async function filterOf({ pid, container, pod }: RecordFlags): Promise<ProfilerFilter> {
  if (pid !== undefined) {
    if (!existsSync(`/proc/${pid}`)) throw new Fault(ExitCode.USER, `--pid ${pid}: there is no such process`);
    return { pid };
  }
  const chosen =
    container !== undefined
      ? [containerNamed(container, runningContainers())]
      : pod !== undefined
        ? await containersOfPod(pod, runningContainers())
        : [];
  return chosen.length === 0 ? {} : { rules: { containers: { include: chosen.map(({ id }) => id) } } };
}

/** As the receiver's own settings, but for what a recording wants otherwise. */
function settingsOf(
  usual: ProfilerSettings,
  filter: ProfilerFilter,
  { frequency, offCpu }: RecordFlags,
): ProfilerSettings {
  return {
    ...usual,
    frequencyHz: frequency,
    // Seldom, for what has no name yet when a request is built goes without.
    reporterIntervalMs:
      offCpu === undefined
        ? Math.min(MAX_REPORT_MS, (1000 * SAMPLES_A_REQUEST) / (frequency * availableParallelism()))
        : OFF_CPU_REPORT_MS,
    reporterJitter: 0,
    offCpuThreshold: offCpu === true ? 1 : (offCpu ?? 0),
    // All of them, at whatever rate: who records wants to see whole stacks, and it isn't for long.
    ...(usual.stackCopies && { stackCopies: { ...usual.stackCopies, perSecond: frequency } }),
    filter,
  };
}

/** How long was recorded, and where the time of the CPUs went. */
interface Session {
  readonly seconds: number;
  readonly accounts: ProfilerAccounts;
}

/** Records until the time is up, the command has ended or somebody presses Ctrl-C. */
async function sampled(
  recording: Recording,
  filter: ProfilerFilter,
  flags: RecordFlags,
  command: RecordedCommand | undefined,
  interruption: Interruption,
): Promise<Session> {
  const { DEFAULT_PROFILER_SETTINGS, Profiler } = await import("#profiler");
  const settings = settingsOf(DEFAULT_PROFILER_SETTINGS, filter, flags);
  const telemetry = {
    logger: createLogger({ level: "warn", encoding: "console" }),
    metrics: new MetricRegistry(),
    clock: systemClock,
  };
  const profiler = new Profiler(settings, telemetry, (request) => recording.take(request));
  try {
    profiler.start();
  } catch (caught) {
    throw kernelFault(caught) ?? caught;
  }
  if (!process.stderr.isTTY) say(`recording at ${flags.frequency} Hz; Ctrl-C ends it`);
  const startedMs = performance.now();
  const durationMs = flags.duration ?? (command ? undefined : DEFAULT_DURATION_MS);
  const progress = new RecordProgress(() => stateOf(profiler.accounts()), durationMs);
  const time = new AbortController();
  try {
    const ends = [interruption.happened];
    if (command) ends.push(command.start(flags.output === "-" || flags.json === true ? "stderr" : "stdout"));
    if (durationMs !== undefined) ends.push(systemClock.sleep(durationMs, time.signal));
    await Promise.race(ends);
    return { seconds: (performance.now() - startedMs) / 1000, accounts: profiler.accounts() };
  } finally {
    time.abort();
    progress.end();
    await profiler.stop(NAME_WITHIN_MS);
  }
}

function stateOf({ samples, lost }: ProfilerAccounts): { samples: number; lost: number } {
  return { samples, lost: Object.values(lost).reduce((sum, count) => sum + count, 0) };
}

function say(text: string): void {
  process.stderr.write(`podflame: ${text}\n`);
}
