import type { Dictionary, ProfileRecord, ProfilesModel } from "#otlp";
import type { ProfilerAccounts } from "#profiler";
import { modelResources } from "../inspect/model-resources.ts";
import { counted, showBytes, showCount } from "../inspect/text-table.ts";
import type { CommandEnd } from "./command.ts";

/** What a recording holds, as `--json` prints it. */
export interface RecordSummary {
  readonly output: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly frequency_hz: number;
  /** Hits of the CPU timer that are in the output. */
  readonly samples: number;
  /** Intervals off the CPU that are in the output. */
  readonly off_cpu_samples: number;
  readonly containers: readonly ContainerSummary[];
  /** Samples outside of containers. */
  readonly host_samples: number;
  /** Hits of the CPU timer that found nothing to run. */
  readonly idle: number;
  /** Samples that are in no profile, by reason. */
  readonly lost: Readonly<Record<string, number>>;
  /** Share of the samples whose callers could not be followed to the root, 0 to 1. */
  readonly truncated: number;
  /** Share of the frames that have no name, 0 to 1. */
  readonly unnamed_frames: number;
  readonly command?: CommandEnd;
}

interface ContainerSummary {
  readonly id: string;
  readonly pod_uid?: string;
  readonly samples: number;
}

/** What is known beside the profiles. */
export interface RecordFacts {
  readonly output: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly frequencyHz: number;
  readonly accounts: ProfilerAccounts;
  readonly command: CommandEnd | undefined;
}

/** Counts what a recording holds. */
export function summaryOf(model: ProfilesModel, facts: RecordFacts): RecordSummary {
  const containers = new Map<string, { id: string; pod_uid?: string; samples: number }>();
  const frames: FrameCounts = { hits: 0, truncated: 0, frames: 0, unnamed: 0 };
  const marks = truncationMarks(model.dictionary);
  let hostSamples = 0;
  let offCpuSamples = 0;
  for (const [at, { attributes }] of modelResources(model).entries()) {
    let samples = 0;
    for (const { profiles } of model.resources[at]!.scopes) {
      for (const profile of profiles) {
        const hits = weighFrames(profile, model.dictionary, marks, frames);
        if (isOffCpu(profile, model.dictionary)) offCpuSamples += hits;
        else samples += hits;
      }
    }
    const [id, podUid] = [attributes.get("container.id"), attributes.get("k8s.pod.uid")];
    if (typeof id !== "string") {
      hostSamples += samples;
      continue;
    }
    const before = containers.get(id)?.samples ?? 0;
    containers.set(id, { id, ...(typeof podUid === "string" && { pod_uid: podUid }), samples: before + samples });
  }
  const sorted = [...containers.values()].sort((a, b) => b.samples - a.samples);
  const { output, bytes, seconds, frequencyHz, accounts, command } = facts;
  return {
    output,
    bytes,
    seconds: Math.round(seconds * 1000) / 1000,
    frequency_hz: frequencyHz,
    samples: hostSamples + sorted.reduce((sum, { samples }) => sum + samples, 0),
    off_cpu_samples: offCpuSamples,
    containers: sorted,
    host_samples: hostSamples,
    idle: accounts.idle,
    lost: accounts.lost,
    truncated: frames.hits === 0 ? 0 : frames.truncated / frames.hits,
    unnamed_frames: frames.frames === 0 ? 0 : frames.unnamed / frames.frames,
    ...(command && { command }),
  };
}

/** A few lines for people. */
export function summaryLines(summary: RecordSummary): string[] {
  const { samples, seconds, containers, host_samples: host, off_cpu_samples: offCpu } = summary;
  const lost = Object.entries(summary.lost).filter(([, count]) => count > 0);
  const inContainers = samples - host;
  const lines = [
    `${showCount(samples)} samples in ${seconds.toFixed(1)} s at ${summary.frequency_hz} Hz: ${showCount(inContainers)} in ` +
      `${counted(containers.length, "container")}, ${showCount(host)} outside; ${showCount(summary.idle)} times a CPU was idle`,
    ...(offCpu > 0 ? [`${showCount(offCpu)} intervals off the CPU`] : []),
    `lost: ${lost.length === 0 ? "none" : lost.map(([why, count]) => `${showCount(count)} ${why}`).join(", ")}; ` +
      `stacks cut off: ${percent(summary.truncated)}; frames without a name: ${percent(summary.unnamed_frames)}`,
  ];
  if (summary.command) {
    const { exit_code: exitCode, signal } = summary.command;
    lines.push(`the command ended ${signal === null ? `with exit code ${exitCode}` : `by ${signal}`}`);
  }
  lines.push(`${summary.output}: ${showBytes(summary.bytes)}`);
  return lines;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

interface FrameCounts {
  hits: number;
  truncated: number;
  frames: number;
  unnamed: number;
}

/** The functions that stand for callers that could not be found, as the profiler writes them: one for each reason. */
function truncationMarks({ functions, strings }: Dictionary): ReadonlySet<number> {
  const marks = new Set<number>();
  functions.name.forEach((name, at) => {
    if (strings.text(name).startsWith("[truncated")) marks.add(at);
  });
  return marks;
}

/** Adds the frames of all samples. @returns how many hits the samples stand for */
function weighFrames(
  { samples }: ProfileRecord,
  { stacks, locations }: Dictionary,
  marks: ReadonlySet<number>,
  counts: FrameCounts,
): number {
  let hits = 0;
  for (let sample = 0; sample < samples.length; sample++) {
    const timestamps = samples.timestampOffsets[sample + 1]! - samples.timestampOffsets[sample]!;
    hits += timestamps;
    const stack = samples.stack[sample]!;
    let called = 0;
    for (let at = stacks.offsets[stack]!; at < stacks.offsets[stack + 1]!; at++) {
      const location = stacks.values[at]!;
      const line = locations.lineOffsets[location]!;
      called = line < locations.lineOffsets[location + 1]! ? locations.lines.function[line]! : 0;
      counts.frames += timestamps;
      if (called === 0) counts.unnamed += timestamps;
    }
    // The outermost frame is the last one.
    if (marks.has(called)) counts.truncated += timestamps;
  }
  counts.hits += hits;
  return hits;
}

function isOffCpu({ types }: ProfileRecord, { strings }: Dictionary): boolean {
  return types[0] !== undefined && strings.text(types[0].type) === "off_cpu";
}
