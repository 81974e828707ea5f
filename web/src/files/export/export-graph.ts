import type { FlameEngine } from "../../flame/index.ts";
import { frameMessage } from "../messages.ts";
import { WorkerEngine } from "../open-file.ts";
import { WorkerLine } from "../worker-line.ts";
import type { ExportFormat } from "./export-format.ts";

/**
 * A graph as it is, transformed and culled, as a file of another tool. Of a comparison both selections: pprof and OTLP
 * have two sample types, speedscope two profiles, folded stacks two numbers a line. Made in a worker: a file's own, or
 * one for this. Rejects with a FileProblem where the graph is too deep to be taken apart or memory is short, or with the
 * signal's reason.
 */
export async function exportGraph(
  engine: FlameEngine,
  format: ExportFormat,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Blob> {
  signal?.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    const made = engine instanceof WorkerEngine ? engine.export(format) : exportHere(engine, format, signal);
    return await Promise.race([made, stopped.promise]);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** A tree that only the page has goes to a worker of its own, whose end an abort is. */
async function exportHere({ tree }: FlameEngine, format: ExportFormat, signal: AbortSignal | undefined): Promise<Blob> {
  const line = new WorkerLine();
  const stop = (): void => line.close(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    const graph = { columns: tree.columns, frames: frameMessage(tree.frames) };
    const answer = await line.ask({ kind: "export", graph, format });
    if (answer.kind !== "exported") throw new Error(`the worker answered ${answer.kind}`);
    return answer.file;
  } finally {
    signal?.removeEventListener("abort", stop);
    line.close(undefined);
  }
}
