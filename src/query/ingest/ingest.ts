import { detectFormat, FORMATS, formatNamed, type SampleTypeName } from "#formats";
import { loadLayouts, loadTranscoder, ParseError } from "#otlp";
import { type AppendReceipt, type ProfileStore, StoreError } from "#store";
import { BufferPool } from "#wire";
import { QueryError } from "../query-error.ts";
import { prepareModel, type ProfileOrigin } from "./prepare-model.ts";
import { renameTypes, type TypeNames } from "./sample-type-config.ts";

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
  /** What types of the file are to be called instead. */
  readonly typeNames?: TypeNames;
}

const MAX_INFLATED_BYTES = 256 << 20;
/** How a recording of Java's Flight Recorder begins. */
const JFR_MAGIC = [0x46, 0x4c, 0x52, 0x00] as const;
/** For JFR, which podflame doesn't read. */
export const JFR_REMEDY = "Send OTLP (async-profiler 4.1 and later: jfrconv -o otlp) or pprof (jfrconv -o pprof).";
const SAY_FORMAT = "Send a whole file, and say with format= what it is where its bytes don't.";

/** Stores profiles of any format. @throws QueryError "invalid" for bytes that can't be read, "unsupported" */
export async function ingest(store: ProfileStore, bytes: Uint8Array, options: IngestOptions): Promise<AppendReceipt> {
  const format = options.format ?? formatOf(bytes);
  if (format === "otlp") return append(store, bytes, options.receivedAt);
  if (format === "otlp-json") return append(store, await fromJson(bytes), options.receivedAt);
  const read = formatNamed(format)!.read!;
  const { sampleType } = options;
  const model = read(bytes, { maxInflatedBytes: MAX_INFLATED_BYTES, ...(sampleType ? { sampleType } : {}) });
  if (model instanceof ParseError)
    throw new QueryError("invalid", `this is no ${format}: ${model.message}`, SAY_FORMAT);
  const prepared = prepareModel(renameTypes(model, options.typeNames ?? new Map()), options);
  const { writeProfiles } = await loadLayouts();
  const written = writeProfiles(prepared, "D10");
  if (written instanceof ParseError) {
    throw new QueryError("too-large", `this can't be stored: ${written.message}`, "Send it in parts.");
  }
  return append(store, written.bytes, options.receivedAt);
}

async function append(store: ProfileStore, bytes: Uint8Array, receivedAt: number): Promise<AppendReceipt> {
  try {
    return await store.append({ bytes, receivedAt });
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== "invalid") throw error;
    throw new QueryError("invalid", error.message, SAY_FORMAT, { cause: error });
  }
}

function formatOf(bytes: Uint8Array): IngestFormat {
  if (bytes.length === 0) return "otlp";
  if (JFR_MAGIC.every((byte, at) => bytes[at] === byte)) {
    throw new QueryError("unsupported", "recordings of Flight Recorder can't be read", JFR_REMEDY);
  }
  const detected = detectFormat(bytes);
  const known = INGEST_FORMATS.find((format) => format === detected);
  if (known !== undefined) return known;
  if (detected !== undefined) {
    const readable = FORMATS.flatMap(({ name, read }) => (read ? [name] : [])).join(", ");
    throw new QueryError("unsupported", `${detected} can't be read`, `These can: otlp, ${readable}.`);
  }
  // OTLP begins with the tag of a message, JSON with a brace.
  return bytes[0] === 0x7b ? "otlp-json" : "otlp";
}

async function fromJson(bytes: Uint8Array): Promise<Uint8Array> {
  const { jsonToProtobuf } = await loadTranscoder();
  const buffer = jsonToProtobuf("profiles", bytes, new BufferPool());
  if (buffer instanceof ParseError) {
    throw new QueryError("invalid", `this is no OTLP/JSON: ${buffer.message}`, SAY_FORMAT);
  }
  // The pool is nobody else's, so the bytes stay as they are.
  return buffer.bytes;
}
