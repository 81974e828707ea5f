import { formatNamed } from "#formats";
import { loadLayouts, ParseError } from "#otlp";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "../questions/context.ts";
import { coveredTime } from "../questions/coverage.ts";
import { POD_LABELS } from "../questions/places.ts";
import type { Selection } from "../questions/selection.ts";
import { sumStacks } from "../questions/stacks.ts";
import { stackModel } from "./stack-model.ts";

/** Formats that profiles leave in. */
export const EXPORT_FORMATS = ["pprof", "otlp", "folded", "speedscope", "firefox", "html"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** A file. */
export interface Exported {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly fileName: string;
}

/** Labels that resources are kept apart by, in formats that have resources. */
const RESOURCE_LABELS = [
  ...POD_LABELS,
  "container_id",
  "host_name",
  "service_name",
  "process_executable_name",
] as const;

/** Formats that know whose samples are whose. */
const WITH_RESOURCES: ReadonlySet<ExportFormat> = new Set(["pprof", "otlp"]);

/** A selection's stacks as a file. @param groupBy labels whose values become the outermost frames, where there is no other place for them */
export async function exportOf(
  context: QueryContext,
  selection: Selection,
  format: ExportFormat,
  groupBy: readonly string[],
  signal: AbortSignal,
): Promise<Exported> {
  const hasResources = WITH_RESOURCES.has(format);
  const stacks = await sumStacks(context, selection, hasResources ? RESOURCE_LABELS : groupBy, "stack", signal);
  const model = stackModel(stacks, {
    type: selection.type,
    time: coveredTime(context.store, stacks.plan),
    process: hasResources ? "resource" : "frame",
    groupFrames: !hasResources && groupBy.length > 0,
  });
  signal.throwIfAborted();
  const named = (extension: string): string => {
    const date = new Date(selection.range.from).toISOString().slice(0, 16).replaceAll(/[-:]/g, "").replace("T", "-");
    return `podflame-${selection.type.id}-${date}${extension}`;
  };
  if (format === "otlp") {
    const { writeProfiles } = await loadLayouts();
    const written = writeProfiles(model, "D10");
    if (written instanceof ParseError) throw new QueryError("limit", `can't be written: ${written.message}`);
    return { bytes: written.bytes, mediaType: "application/x-protobuf", fileName: named(".otlp.binpb") };
  }
  const { write, mediaType, extensions } = formatNamed(format)!;
  const title = `${selection.type.id} of ${new Date(selection.range.from).toISOString()}`;
  const bytes = write!(model, { title, resources: format === "pprof" });
  return { bytes, mediaType, fileName: named(extensions[0]!) };
}
