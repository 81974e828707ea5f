/** What complete stacks cost: the agent with and without copied stacks, on the same load in the same run. */
import { spawn } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { AgentProcess } from "../../test/agent/harness/agent-process.ts";
import { besidePerf, indexCost } from "../../test/agent/harness/unwinding.ts";
import { Workloads } from "../../test/agent/harness/workloads.ts";
import { type AgentWindow, measureWindows, type WindowOptions } from "./agent-windows.ts";
import type { AgentRow } from "./report.ts";

/** Longer than any benchmark. */
const FOREVER = "1000000";
/** Of issue 9: percent of a core, by rate. */
const ADDED_CPU: Readonly<Record<number, number>> = { 20: 0.15, 97: 0.5 };
const WARM_MICROS = 14;
const BPF_MICROS = 8;
const BYTES_A_FUNCTION = 8;
const RSS_MIB = 95;

/** What is measured besides windows. */
export interface UnwindingOptions extends WindowOptions {
  readonly rates: readonly number[];
  readonly compression: "gzip" | "none";
}

/** Two busy CPUs, of which one runs code without frame pointers; then both. */
export async function measureUnwinding(options: UnwindingOptions): Promise<AgentRow[]> {
  using workloads = new Workloads();
  const rows: AgentRow[] = [];
  const [plain, callers] = await Promise.all([workloads.build("burn"), workloads.build("callers")]);
  for (const hz of options.rates) {
    const half = [
      [plain, FOREVER, "alpha=40", "beta=40", "gamma=20"],
      [callers, FOREVER, "alone"],
    ];
    const without = await underLoad(half, hz, false, options);
    const copying = await underLoad(half, hz, true, options);
    const scenario = `unwinding, ${hz} Hz`;
    const cpu = (windows: readonly AgentWindow[]): number[] => windows.map(({ cpuPercent }) => cpuPercent);
    rows.push(
      { scenario, quantity: "CPU without copies, % of a core", podflame: cpu(without) },
      { scenario, quantity: "CPU with, % of a core", podflame: cpu(copying) },
      {
        scenario,
        quantity: "CPU added, % of a core",
        podflame: cpu(copying).map((percent, window) => percent - cpu(without)[window]!),
        ...(ADDED_CPU[hz] !== undefined && { atMost: ADDED_CPU[hz] }),
      },
      { scenario, quantity: "RSS without copies, MiB", podflame: without.map(({ memory }) => memory.rss) },
      { scenario, quantity: "RSS with, MiB", podflame: copying.map(({ memory }) => memory.rss), atMost: RSS_MIB },
      { scenario, quantity: "BPF memory, MiB", podflame: copying.map(({ bpfMiB }) => bpfMiB) },
    );
  }
  const all = await underLoad([[callers, FOREVER]], Math.max(...options.rates), true, options);
  rows.push({
    scenario: "unwinding, every sample copied",
    quantity: "BPF, µs a copied sample",
    podflame: all.map((window) => window.bpfMicrosecondsPerRun),
    atMost: BPF_MICROS,
  });
  return [...rows, ...(await pythonRows(workloads, options)), ...(await unwinderRows(workloads))];
}

/** All that a sample of Python takes: copied, unwound, its functions walked in the kernel and named. */
async function pythonRows(workloads: Workloads, options: UnwindingOptions): Promise<AgentRow[]> {
  const scenario = "Python by name";
  const busy = ["/usr/bin/python3", workloads.python(), FOREVER];
  const windows = await underLoad([busy, busy], Math.max(...options.rates), true, options);
  const micros = (percent: number, { samplesPerSecond }: AgentWindow): number => (percent * 1e4) / samplesPerSecond;
  return [
    { scenario, quantity: "BPF, µs a sample", podflame: windows.map((each) => micros(each.bpfPercent, each)) },
    { scenario, quantity: "agent's CPU, µs a sample", podflame: windows.map((each) => micros(each.cpuPercent, each)) },
    { scenario, quantity: "RSS, MiB", podflame: windows.map(({ memory }) => memory.rss), atMost: RSS_MIB },
  ];
}

/** What the unwinder alone takes, on what perf copied. */
async function unwinderRows(workloads: Workloads): Promise<AgentRow[]> {
  const scenario = "unwinder alone, warm";
  const commands = {
    C: [await workloads.build("callers"), "3"],
    "C++": [await workloads.build("throwing"), "3"],
    Python: ["/usr/bin/python3", workloads.python(), "3"],
    Node: [process.execPath, workloads.script("busy"), "3"],
  };
  const rows: AgentRow[] = [];
  for (const [name, command] of Object.entries(commands)) {
    const { warmMicros, meanFrames } = await besidePerf(command);
    const frames = `${meanFrames.toFixed(0)} frames`;
    rows.push({ scenario, quantity: `µs a sample, ${name} (${frames})`, podflame: [warmMicros], atMost: WARM_MICROS });
  }
  const libraries = /\S+\/libc\.so\.6$/m.exec(readFileSync("/proc/self/maps", "utf8")) ?? [];
  const files = [process.execPath, ...libraries, await workloads.build("callers-static")];
  const costs = files.map((file) => indexCost(realpathSync(file)));
  rows.push({
    scenario,
    quantity: "index, bytes a function (most of node, libc, static)",
    podflame: [Math.max(...costs)],
    atMost: BYTES_A_FUNCTION,
  });
  return rows;
}

async function underLoad(
  commands: readonly (readonly string[])[],
  hz: number,
  enabled: boolean,
  options: UnwindingOptions,
): Promise<AgentWindow[]> {
  const running = commands.map(([program = "", ...args]) => spawn(program, args, { stdio: "ignore" }));
  try {
    const receiver = { samples_per_second: hz, stack_copies: { enabled } };
    await using agent = await AgentProcess.start({ command: "agent", receiver, compression: options.compression });
    await agent.firstSampleMs();
    return await measureWindows(agent, options);
  } finally {
    for (const child of running) child.kill("SIGKILL");
  }
}
