import { beginsAsJson, type Format } from "#formats";
import {
  detectLayout,
  loadTranscoder,
  ParseError,
  PROFILES_DEVELOPMENT_VERSION_HEADER,
  readProfiles,
  Refusal,
  routeOf,
  type Signal,
  type Detection,
  type DetectionPrior,
  type Layout,
  type ProfilesModel,
} from "#otlp";
import { BufferPool } from "#wire";
import type { InputProblem, InputRequest } from "./read-input.ts";

/** What a document was recognized as. */
export type ProfilesSource =
  | {
      readonly kind: "otlp";
      readonly encoding: "protobuf" | "JSON";
      readonly detection: Detection;
      /** The request as protobuf. */
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "format"; readonly format: Format };

/** The profiles of one request or document. */
export interface LoadedProfiles {
  readonly kind: "profiles";
  readonly request: InputRequest;
  readonly source: ProfilesSource;
  readonly model: ProfilesModel;
}

export interface LoadOptions {
  /** What the layout of OTLP protobuf is, whatever the bytes look like. */
  readonly layout?: Layout | undefined;
}

type Loaded = Pick<LoadedProfiles, "source" | "model">;

/**
 * Recognizes and reads what stands in a file: OTLP profiles of any layout as protobuf or JSON, or a format of other
 * tools. Never throws for what the bytes are.
 */
export async function loadProfiles(
  request: InputRequest,
  options: LoadOptions = {},
): Promise<LoadedProfiles | InputProblem> {
  const signal = otherSignal(request);
  const loaded =
    signal !== undefined
      ? `holds OTLP ${signal}, not profiles`
      : beginsAsJson(request.bytes)
        ? await loadJson(request)
        : await loadBytes(request, options);
  const { place } = request;
  if (typeof loaded === "string") return { kind: "problem", place, message: loaded };
  if (loaded instanceof Refusal) return { kind: "problem", place, message: loaded.message, refusal: loaded };
  return { kind: "profiles", request, ...loaded };
}

/** The signal that an HTTP capture was sent for, if it's another one. */
function otherSignal({ http }: InputRequest): string | undefined {
  const signal = http && routeOf(http.path)?.signal;
  return signal === "profiles" ? undefined : signal;
}

/** What the capture tells about the sender. */
function priorOf({ http }: InputRequest): DetectionPrior {
  if (!http) return {};
  const service = routeOf(http.path)?.profilesService;
  const developmentVersion = http.headers.get(PROFILES_DEVELOPMENT_VERSION_HEADER);
  const userAgent = http.headers.get("user-agent");
  return {
    ...(service !== undefined && { service }),
    ...(developmentVersion !== undefined && { developmentVersion }),
    ...(userAgent !== undefined && { userAgent }),
  };
}

async function loadBytes(request: InputRequest, { layout }: LoadOptions): Promise<Loaded | Refusal | string> {
  const { bytes } = request;
  const detection = layout === undefined ? detectLayout(bytes, priorOf(request)) : told(layout);
  if (!(detection instanceof Refusal)) {
    const model = readProfiles(bytes, detection.layout);
    const doubtful = model instanceof ParseError || (detection.confidence === "assumed" && !detection.empty);
    const signal = doubtful ? await signalOf(bytes) : undefined;
    if (signal !== undefined) return `holds OTLP ${signal}, not profiles`;
    if (model instanceof ParseError) return `${model.message}; the bytes look like layout ${detection.layout}`;
    return { source: { kind: "otlp", encoding: "protobuf", detection, bytes }, model };
  }
  if (detection.reason === "unresolvable" || detection.reason === "mixed") return detection;
  const loaded = await loadFormat(bytes, request.file);
  if (loaded !== undefined) return loaded;
  const signal = await signalOf(bytes);
  return signal === undefined ? notRecognized(`as OTLP: ${detection.message}`) : `holds OTLP ${signal}, not profiles`;
}

/** Fields that only requests of that signal have. */
const SIGNS: readonly (readonly [signal: Signal, sign: RegExp])[] = [
  ["traces", /"traceId":"[0-9a-f]{32}","spanId":"[0-9a-f]{16}"/],
  ["metrics", /"dataPoints":\[/],
  ["logs", /"(?:body|timeUnixNano|observedTimeUnixNano)":/],
];

/** Which other signal bytes are a request of: their envelopes are the same, so some read as profiles that say nothing. */
async function signalOf(bytes: Uint8Array): Promise<Signal | undefined> {
  const { protobufToJson } = await loadTranscoder();
  for (const [signal, sign] of SIGNS) {
    const json = protobufToJson(signal, bytes);
    if (typeof json === "string" && sign.test(json)) return signal;
  }
  return undefined;
}

function told(layout: Layout): Detection {
  return { layout, candidates: [layout], confidence: "certain", evidence: ["--layout says so"], empty: false };
}

/** @param file decides where the bytes leave it open */
async function loadFormat(bytes: Uint8Array, file?: string): Promise<Loaded | string | undefined> {
  const { detectFormat, formatNamed } = await import("#formats");
  const name = detectFormat(bytes, file);
  const format = name === undefined ? undefined : formatNamed(name);
  if (!format) return undefined;
  if (!format.read) return `is ${format.title}, which podflame writes but does not read`;
  const model = format.read(bytes);
  if (model instanceof ParseError) return `${model.message}; the file looks like ${format.title}`;
  return { source: { kind: "format", format }, model };
}

function notRecognized(reason: string): string {
  return `is nothing that podflame knows (${reason}); it reads OTLP profiles, pprof, folded stacks, speedscope, perf script`;
}

/** The names in OTLP/JSON tell its layout themselves, so nobody has to say which it is. */
async function loadJson(request: InputRequest): Promise<Loaded | Refusal | string> {
  const json = request.bytes;
  const format = await loadFormat(json);
  if (format !== undefined) return format;
  const transcoder = await loadTranscoder();
  const transcoded = transcoder.profilesJsonToProtobuf(json, new BufferPool(), priorOf(request));
  if (transcoded instanceof ParseError) return transcoded.message;
  if (transcoded instanceof Refusal) return transcoded;
  const { detection, buffer } = transcoded;
  if (detection.empty && !isEnvelope(json)) return notRecognized("JSON without resourceProfiles");
  const model = readProfiles(buffer.bytes, detection.layout);
  if (model instanceof ParseError) return model.message;
  return { source: { kind: "otlp", encoding: "JSON", detection, bytes: buffer.bytes }, model };
}

/** Whether JSON without profiles is a request nevertheless: it names its fields, or has none. */
function isEnvelope(json: Uint8Array): boolean {
  const text = Buffer.from(json.buffer, json.byteOffset, json.length).toString();
  return /"(?:resourceProfiles|resource_profiles|dictionary)"/.test(text) || /^\s*\{\s*\}\s*$/.test(text);
}
