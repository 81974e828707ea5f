import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { CompactionJob, CompactionResult } from "./compaction-process.ts";

/** Merges blocks. @throws where it could not be done; nothing is changed then */
export type JobRunner = (job: CompactionJob, signal: AbortSignal) => Promise<CompactionResult>;

/** A process gives little back between two files, and so becomes larger with each. */
const FILES_A_PROCESS = 3;

/** Runs a job in processes of their own, one after the other. */
export async function runJob(job: CompactionJob, signal: AbortSignal): Promise<CompactionResult> {
  const files = [];
  const usage = { cpuMs: 0, peakBytes: 0 };
  for (let at = 0; at === 0 || at < job.outputs.length; at += FILES_A_PROCESS) {
    const outputs = job.outputs.slice(at, at + FILES_A_PROCESS);
    // Looked at once.
    const inputs = at === 0 ? job.inputs : [];
    const result = await runProcess({ ...job, inputs, outputs }, signal);
    if (result.kind === "damaged") return result;
    files.push(...result.files);
    usage.cpuMs += result.usage?.cpuMs ?? 0;
    usage.peakBytes = Math.max(usage.peakBytes, result.usage?.peakBytes ?? 0);
  }
  return { kind: "done", files, usage };
}

/** Runs a job on the Node that runs this process; from the sources as well as from a bundle. */
async function runProcess(job: CompactionJob, signal: AbortSignal): Promise<CompactionResult> {
  const { moduleUrl } = await import("./compaction-process.ts");
  const code = "const { runCompaction } = await import(process.argv[1]); await runCompaction();";
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code, moduleUrl], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", MALLOC_ARENA_MAX: "2" },
  });
  const stop = (): unknown => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    child.stdin.on("error", () => undefined);
    child.stdin.end(JSON.stringify(job));
    const exit = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    const [output, errors, [status, ending]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
    if (status === 0) return JSON.parse(output) as CompactionResult;
    const how = ending === null ? `status ${status}` : `signal ${ending}`;
    throw new Error(`the process that merges blocks ended with ${how}: ${errors.trim().slice(-2000)}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
