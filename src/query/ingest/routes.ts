import type { Context, Hono } from "hono";
import type { ProfileStore } from "#store";
import type { IngestAnswer } from "../api.ts";
import { Parameters } from "../parameters/parameters.ts";
import { QueryError } from "../query-error.ts";
import { INGEST_FORMATS, ingest } from "./ingest.ts";
import { pyroscopeIngest } from "./pyroscope-ingest.ts";
import { type BodyLimits, readBody } from "./read-body.ts";

export interface IngestRoutes {
  readonly store: ProfileStore;
  readonly limits: BodyLimits;
  readonly now: () => number;
}

const MAX_ATTRIBUTES = 64;

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
    if (at <= 0)
      throw new QueryError("invalid", `parameter attribute can't be ${text.slice(0, 100)}`, "Write service.name=cart.");
    attributes.set(text.slice(0, at), text.slice(at + 1));
  }
  if (attributes.size > MAX_ATTRIBUTES) {
    throw new QueryError(
      "invalid",
      `parameter attribute is there more than ${MAX_ATTRIBUTES} times`,
      "Leave some out.",
    );
  }
  return attributes;
}
