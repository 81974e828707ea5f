import type { Context } from "hono";
import { Parameters } from "../parameters/parameters.ts";
import { QueryError } from "../query-error.ts";
import { ingest, type IngestFormat, JFR_REMEDY } from "./ingest.ts";
import type { IngestRoutes } from "./routes.ts";
import { parsePyroscopeName } from "./pyroscope-name.ts";
import { pyroscopeType } from "./pyroscope-types.ts";
import { type BodyLimits, readBody } from "./read-body.ts";
import { readSampleTypeConfig, type TypeNames } from "./sample-type-config.ts";

/** What SDKs sample by unless they say otherwise. */
const DEFAULT_SAMPLE_RATE = 100;
const MAX_SAMPLE_RATE = 100_000;
const SERVICE_NAME = "service.name";

/** Formats by the names that Pyroscope has for them; undefined: by the bytes. */
const FORMATS: Readonly<Record<string, IngestFormat | "lines" | undefined>> = {
  pprof: undefined,
  folded: "folded",
  groups: "folded",
  collapsed: "folded",
  lines: "lines",
  speedscope: "speedscope",
};
/** Agents before 2023 said it by the type of the body. */
const OLD_MEDIA_TYPE = /^binary\/octet-stream\+(tree|trie)\b/i;

const REMEDIES: Readonly<Record<string, string>> = {
  jfr: JFR_REMEDY,
  tree: "Update the SDK: newer ones send pprof or folded stacks.",
  trie: "Update the SDK: newer ones send pprof or folded stacks.",
};

/** What a form holds, or the body where it is none. */
interface Upload {
  readonly profile: Uint8Array;
  readonly names: TypeNames;
}

/**
 * `POST /ingest` as Pyroscope's SDKs send it: who it is in `name`, when in `from` and `until` (seconds), the profile as
 * body or as part `profile` of a form.
 */
export async function pyroscopeIngest(c: Context, { store, limits, now }: IngestRoutes): Promise<Response> {
  const p = new Parameters(new URL(c.req.url).searchParams, now());
  const { service, labels, type } = parsePyroscopeName(p.required("name", "app{region=eu}"));
  const format = formatOf(p.text("format"), c.req.header("content-type") ?? "");
  const { profile, names } = await uploadOf(c, limits);
  const { sampleType, isHits } = pyroscopeType(type, p.text("units"));
  const rate = p.integer("sampleRate", DEFAULT_SAMPLE_RATE, 1, MAX_SAMPLE_RATE);
  const isText = format === "folded" || format === "lines";
  await ingest(store, format === "lines" ? foldedOfLines(profile) : profile, {
    format: format === "lines" ? "folded" : format,
    attributes: new Map([[SERVICE_NAME, service], ...labels]),
    from: p.time("from"),
    receivedAt: now(),
    typeNames: names,
    // Stacks as text say neither what they count nor how often.
    ...(isText ? { sampleType, scale: isHits ? 1e9 / rate : 1 } : {}),
  });
  return c.body(null, 200);
}

function formatOf(told: string | undefined, mediaType: string): IngestFormat | "lines" | undefined {
  const name = (told ?? OLD_MEDIA_TYPE.exec(mediaType)?.[1])?.toLowerCase();
  if (name === undefined) return undefined;
  if (Object.hasOwn(FORMATS, name)) return FORMATS[name];
  const remedy = REMEDIES[name] ?? `Send one of ${Object.keys(FORMATS).join(", ")}.`;
  throw new QueryError("unsupported", `the format ${name.slice(0, 32)} can't be read`, remedy);
}

async function uploadOf(c: Context, limits: BodyLimits): Promise<Upload> {
  const body = await readBody(c.req.raw, limits);
  const type = c.req.header("content-type") ?? "";
  if (!type.toLowerCase().startsWith("multipart/form-data")) return { profile: body, names: new Map() };
  // Read with its bound, then taken apart.
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData().catch(() => {
    const remedy = "Send parts with the boundary that the content type names, as curl -F does.";
    throw new QueryError("invalid", "the form can't be read", remedy);
  });
  if (form.has("jfr")) throw new QueryError("unsupported", "the format jfr can't be read", JFR_REMEDY);
  if (form.has("prev_profile")) {
    const remedy = "Update the SDK: newer ones send what was allocated since the profile before.";
    throw new QueryError("unsupported", "profiles that count since the start of a program can't be read", remedy);
  }
  const profile = form.get("profile");
  if (profile === null) {
    throw new QueryError(
      "invalid",
      "the form has no part called profile",
      "Send it as curl -F profile=@cpu.pprof does.",
    );
  }
  const config = form.get("sample_type_config");
  return {
    profile: await bytesOf(profile),
    names: config === null ? new Map() : readSampleTypeConfig(new TextDecoder().decode(await bytesOf(config))),
  };
}

async function bytesOf(part: string | Blob): Promise<Uint8Array> {
  return typeof part === "string" ? new TextEncoder().encode(part) : new Uint8Array(await part.arrayBuffer());
}

/** Lines with a stack each, which occur as often as they were seen, as stacks with counts. */
function foldedOfLines(bytes: Uint8Array): Uint8Array {
  const counts = new Map<string, number>();
  for (const line of new TextDecoder().decode(bytes).split(/\r?\n/)) {
    if (line.trim() !== "") counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return new TextEncoder().encode([...counts].map(([stack, count]) => `${stack} ${count}\n`).join(""));
}
