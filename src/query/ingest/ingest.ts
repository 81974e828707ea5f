import { detectFormat, FORMATS, formatNamed, type SampleTypeName } from "#formats";
import { loadLayouts, loadTranscoder, ParseError } from "#otlp";
import type { AppendReceipt, ProfileStore } from "#store";
import { BufferPool } from "#wire";
import { QueryError } from "../query-error.ts";
import { prepareModel, type ProfileOrigin } from "./prepare-model.ts";

/** Formats that profiles come in: OTLP, and files of other tools. */
export const INGEST_FORMATS = [
  "otlp",
  "otlp-json",
  "pprof",
  "folded",
  "speedscope",
  "perf-script",
  "cpuprofile",
] as const;
export type IngestFormat = (typeof INGEST_FORMATS)[number];

/** Profiles of another tool, on their way into the store. */
export interface IngestOptions extends ProfileOrigin {
  /** Undefined: by what the bytes look like. */
  readonly format: IngestFormat | undefined;
  /** What the numbers of folded stacks are. */
  readonly sampleType?: SampleTypeName;
}

const MAX_INFLATED_BYTES = 256 << 20;

/** Stores profiles of any format. @throws QueryError "invalid" for bytes that can't be read */
export async function ingest(store: ProfileStore, bytes: Uint8Array, options: IngestOptions): Promise<AppendReceipt> {
  const format = options.format ?? formatOf(bytes);
  if (format === "otlp") return store.append({ bytes, receivedAt: options.receivedAt });
  if (format === "otlp-json") return store.append({ bytes: await fromJson(bytes), receivedAt: options.receivedAt });
  const read = formatNamed(format)!.read!;
  const { sampleType } = options;
  const model = read(bytes, { maxInflatedBytes: MAX_INFLATED_BYTES, ...(sampleType ? { sampleType } : {}) });
  if (model instanceof ParseError) throw new QueryError("invalid", `this is no ${format}: ${model.message}`);
  const prepared = await prepareModel(model, options);
  const { writeProfiles } = await loadLayouts();
  const written = writeProfiles(prepared, "D10");
  if (written instanceof ParseError) throw new QueryError("too-large", `this can't be stored: ${written.message}`);
  return store.append({ bytes: written.bytes, receivedAt: options.receivedAt });
}

function formatOf(bytes: Uint8Array): IngestFormat {
  if (bytes.length === 0) return "otlp";
  const detected = detectFormat(bytes);
  const known = INGEST_FORMATS.find((format) => format === detected);
  if (known !== undefined) return known;
  if (detected !== undefined) {
    const readable = FORMATS.flatMap(({ name, read }) => (read ? [name] : [])).join(", ");
    throw new QueryError("invalid", `${detected} can't be read`, `These can: otlp, ${readable}.`);
  }
  // OTLP begins with the tag of a message, JSON with a brace.
  return bytes[0] === 0x7b ? "otlp-json" : "otlp";
}

async function fromJson(bytes: Uint8Array): Promise<Uint8Array> {
  const { jsonToProtobuf } = await loadTranscoder();
  const buffer = jsonToProtobuf("profiles", bytes, new BufferPool());
  if (buffer instanceof ParseError) throw new QueryError("invalid", `this is no OTLP/JSON: ${buffer.message}`);
  // The pool is nobody else's, so the bytes stay as they are.
  return buffer.bytes;
}
