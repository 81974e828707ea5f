import type { Context, Hono } from "hono";
import type { ProfileStore } from "#store";
import type { IngestAnswer } from "../api.ts";
import { Parameters } from "../parameters/parameters.ts";
import { QueryError } from "../query-error.ts";
import { INGEST_FORMATS, ingest, type IngestFormat } from "./ingest.ts";
import { parsePyroscopeName } from "./pyroscope-name.ts";
import { type BodyLimits, readBody } from "./read-body.ts";

export interface IngestRoutes {
  readonly store: ProfileStore;
  readonly limits: BodyLimits;
  readonly now: () => number;
}

const MAX_ATTRIBUTES = 64;
/** What Pyroscope's SDKs sample by unless they say otherwise. */
const DEFAULT_SAMPLE_RATE = 100;
const SERVICE_NAME = "service.name";

/** Intake over HTTP, for files and for SDKs of others; collectors send OTLP to the receiver. */
export function addIngestRoutes(app: Hono, routes: IngestRoutes): void {
  const own = (c: Context): Promise<Response> => ownIngest(c, routes);
  app.post("/api/v1/ingest", own);
  app.post("/api/ingest", own);
  app.post("/ingest", (c) => pyroscopeIngest(c, routes));
}

async function ownIngest(c: Context, { store, limits, now }: IngestRoutes): Promise<Response> {
  const url = new URL(c.req.url);
  const p = new Parameters(url.searchParams, now());
  const format = p.text("format") === undefined ? undefined : p.oneOf("format", INGEST_FORMATS, "otlp");
  const attributes = attributesOf(url.searchParams.getAll("attribute"));
  const receipt = await ingest(store, await readBody(c.req.raw, limits), {
    format,
    attributes,
    from: p.time("from"),
    receivedAt: now(),
  });
  const answer: IngestAnswer = { samples: receipt.samples, rejected: Object.fromEntries(receipt.rejected) };
  return c.json(answer);
}

/** `k8s.pod.name=cart-1`; attributes that an OTLP request lacks are its sender's matter. */
function attributesOf(texts: readonly string[]): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at <= 0) throw new QueryError("invalid", `not an attribute: ${text.slice(0, 100)}`, "Write service.name=cart.");
    attributes.set(text.slice(0, at), text.slice(at + 1));
  }
  if (attributes.size > MAX_ATTRIBUTES) throw new QueryError("invalid", `more than ${MAX_ATTRIBUTES} attributes`);
  return attributes;
}

/**
 * What Pyroscope's SDKs send: who it is in `name`, when in `from` and `until` (seconds), the profile as body or as part
 * `profile` of a form.
 */
async function pyroscopeIngest(c: Context, { store, limits, now }: IngestRoutes): Promise<Response> {
  const p = new Parameters(new URL(c.req.url).searchParams, now());
  const { service, labels } = parsePyroscopeName(p.required("name", "app{region=eu}"));
  const body = await profileOf(c, limits);
  const told = p.text("format");
  const format = told === "pprof" || told === undefined ? undefined : pyroscopeFormat(told);
  const rate = p.integer("sampleRate", DEFAULT_SAMPLE_RATE, 1, 100_000);
  const isHits = (p.text("units") ?? "samples") === "samples";
  await ingest(store, body, {
    format,
    attributes: new Map([[SERVICE_NAME, service], ...labels]),
    from: p.time("from"),
    receivedAt: now(),
    // Folded stacks say neither what they count nor how often.
    ...(format === "folded" && isHits ? { sampleType: { type: "cpu", unit: "nanoseconds" }, scale: 1e9 / rate } : {}),
  });
  return c.body(null, 200);
}

function pyroscopeFormat(told: string): IngestFormat {
  if (told === "folded" || told === "groups") return "folded";
  if (told === "speedscope") return "speedscope";
  throw new QueryError("invalid", `the format ${told.slice(0, 32)} can't be read`, "Send pprof, folded or speedscope.");
}

async function profileOf(c: Context, limits: BodyLimits): Promise<Uint8Array> {
  const body = await readBody(c.req.raw, limits);
  const type = c.req.header("content-type") ?? "";
  if (!type.toLowerCase().startsWith("multipart/form-data")) return body;
  // Read with its bound, then taken apart.
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData().catch(() => {
    throw new QueryError("invalid", "the form can't be read");
  });
  const profile = form.get("profile");
  if (profile === null) throw new QueryError("invalid", "the form has no part called profile");
  return typeof profile === "string" ? new TextEncoder().encode(profile) : new Uint8Array(await profile.arrayBuffer());
}
