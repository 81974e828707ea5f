/** Windows of a running agent: what it used and what it sent in each. */
import { setTimeout as delay } from "node:timers/promises";
import type { AgentProcess } from "../../test/agent/harness/agent-process.ts";
import { countOf } from "../../test/agent/harness/samples.ts";
import { cpuSeconds, memoryUse, type MemoryUse } from "./measured-process.ts";

/** How long is measured, and how often. */
export interface WindowOptions {
  readonly windows: number;
  readonly seconds: number;
  /** Unmeasured time before the first: names of what runs already are looked up once. */
  readonly warmupSeconds: number;
}

/** One window. */
export interface AgentWindow {
  readonly cpuPercent: number;
  readonly bpfPercent: number;
  readonly bpfMicrosecondsPerRun: number;
  readonly memory: MemoryUse;
  readonly bpfMiB: number;
  readonly samplesPerSecond: number;
  /** Of the message, before compression; NaN where no sample came. */
  readonly bytesPerSample: number;
  /** As it went over the wire. */
  readonly wireBytesPerSample: number;
}

/** Percent of one core. */
export function percentOfCore(cpuSecondsUsed: number, wallMs: number): number {
  return (cpuSecondsUsed / (wallMs / 1000)) * 100;
}

/** Measures an agent that has delivered its first samples (or has nothing to deliver). */
export async function measureWindows(agent: AgentProcess, options: WindowOptions): Promise<AgentWindow[]> {
  await delay(options.warmupSeconds * 1000);
  const windows: AgentWindow[] = [];
  for (let i = 0; i < options.windows; i++) windows.push(await measureWindow(agent, options.seconds));
  return windows;
}

async function measureWindow(agent: AgentProcess, seconds: number): Promise<AgentWindow> {
  const { requests } = agent.sink;
  // What was received before isn't looked at again; the agent's windows are not to fill the sink's memory.
  requests.length = 0;
  const before = { atMs: performance.now(), cpu: cpuSeconds(agent.pid), bpf: agent.holdings() };
  await delay(seconds * 1000);
  const after = { atMs: performance.now(), cpu: cpuSeconds(agent.pid), bpf: agent.holdings() };
  const wallMs = after.atMs - before.atMs;
  const received = [...requests];
  const samples = received.reduce((sum, request) => sum + countOf(request.samples()), 0);
  const sum = (bytesOf: (request: (typeof received)[number]) => number): number =>
    received.reduce((total, request) => total + bytesOf(request), 0);
  const runTimeNs = after.bpf.runTimeNs - before.bpf.runTimeNs;
  return {
    cpuPercent: percentOfCore(after.cpu - before.cpu, wallMs),
    bpfPercent: percentOfCore(runTimeNs / 1e9, wallMs),
    bpfMicrosecondsPerRun: runTimeNs / 1000 / (after.bpf.runs - before.bpf.runs),
    memory: memoryUse(agent.pid),
    bpfMiB: after.bpf.memoryBytes / 2 ** 20,
    samplesPerSecond: samples / (wallMs / 1000),
    bytesPerSample: sum(({ message }) => message.length) / samples,
    wireBytesPerSample: sum(({ wireBytes }) => wireBytes) / samples,
  };
}
