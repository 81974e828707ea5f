import type { Context } from "hono";
import { compress } from "../http/compression.ts";
import { type BodyLimits, readBody } from "../ingest/read-body.ts";
import { asQueryError, QueryError, type QueryErrorKind } from "../query-error.ts";
import type { Message } from "./messages.ts";

/** Codes of Connect's unary calls, with the HTTP status that goes with each (connectrpc.com, "Error codes"). */
const CODES: Readonly<Record<QueryErrorKind, readonly [code: string, status: number]>> = {
  invalid: ["invalid_argument", 400],
  "not-found": ["not_found", 404],
  method: ["unimplemented", 405],
  unsupported: ["invalid_argument", 415],
  unimplemented: ["unimplemented", 501],
  forbidden: ["permission_denied", 403],
  limit: ["out_of_range", 400],
  overloaded: ["resource_exhausted", 429],
  "too-large": ["resource_exhausted", 429],
  cancelled: ["canceled", 499],
  unavailable: ["unavailable", 503],
  timeout: ["deadline_exceeded", 504],
  internal: ["internal", 500],
  corrupt: ["data_loss", 500],
};

const PROTO = "application/proto";
const JSON_TYPE = "application/json";

/** Answers a unary call of Connect in the encoding that it came in. */
export async function answerCall<Q, A>(
  c: Context,
  limits: BodyLimits,
  request: Message<Q>,
  response: Message<A>,
  answer: (request: Q) => Promise<A>,
): Promise<Response> {
  const type = (c.req.header("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  try {
    if (type !== PROTO && type !== JSON_TYPE) {
      throw new QueryError(
        "invalid",
        `the content type ${type.slice(0, 60)} is not known`,
        `Send ${PROTO} or ${JSON_TYPE}.`,
      );
    }
    const body = await readBody(c.req.raw, limits);
    const asked = type === PROTO ? request.decode(body) : request.fromJson(parseJson(body));
    if (asked === undefined) throw new QueryError("invalid", "the request can't be read");
    const answered = await answer(asked);
    const bytes = type === PROTO ? response.encode(answered) : encoded(response.toJson(answered));
    const { bytes: sent, encoding } = await compress(bytes, c.req.header("accept-encoding"));
    return c.body(new Uint8Array(sent), 200, {
      "content-type": type,
      "cache-control": "no-store",
      vary: "Accept-Encoding",
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    });
  } catch (error) {
    const refusal = asQueryError(error);
    if (refusal.kind === "internal") throw error;
    return refuseCall(refusal);
  }
}

/** An error in Connect's words. */
export function refuseCall({ kind, message, remedy }: QueryError): Response {
  const [code, status] = CODES[kind];
  const body = JSON.stringify({ code, message: remedy === "" ? message : `${message}. ${remedy}` });
  return new Response(body, { status, headers: { "content-type": JSON_TYPE } });
}

function encoded(json: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
