import { decodeJsonStatus, decodeResponse, decodeStatus, ParseError, type PartialSuccess } from "#otlp";
import { GrpcStatus, type CallResult } from "#transport";
import { SENT, type SendOutcome } from "./outcome.ts";

/** Failures that may pass (OTLP specification, "OTLP/gRPC Response", table of retryable codes). */
const RETRYABLE_GRPC: ReadonlySet<number> = new Set([
  GrpcStatus.CANCELLED,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.ABORTED,
  GrpcStatus.OUT_OF_RANGE,
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DATA_LOSS,
]);

/** The same for HTTP ("OTLP/HTTP Response", "Retryable Response Codes"). */
const RETRYABLE_HTTP: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** First byte of a JSON body. */
const BRACE = 0x7b;
/** Characters of a message from outside that are kept. */
const LONGEST_MESSAGE = 300;

/** Reads the body of a successful answer. */
export type DecodeResponse = (body: Uint8Array) => PartialSuccess | ParseError;

/**
 * What the answer to an export request means for the payload. A call that failed before an answer can be repeated.
 *
 * @param decode reads partial success; protobuf unless told otherwise
 */
export function outcomeOf(result: CallResult, decode: DecodeResponse = decodeResponse): SendOutcome {
  const { grpcStatus, httpStatus } = result;
  if (grpcStatus === GrpcStatus.OK) return success(result.body, decode);
  if (grpcStatus !== undefined) return grpcFailure(result, grpcStatus);
  if (httpStatus === undefined) return retryable(result, result.message, false);
  if (httpStatus >= 200 && httpStatus < 300) return success(result.body, decode);
  const message = httpMessage(result.message, result.body);
  return RETRYABLE_HTTP.has(httpStatus)
    ? retryable(result, message, httpStatus === 429)
    : { kind: "permanent", message, ...(result.cause && { cause: result.cause }) };
}

function success(body: Uint8Array | undefined, decode: DecodeResponse): SendOutcome {
  if (!body || body.length === 0) return SENT;
  const partial = decode(body);
  // The request was taken; an answer that can't be read is no reason to send it again.
  if (partial instanceof ParseError) {
    return { kind: "sent", partial: { rejected: 0, message: `answer cannot be read: ${partial.message}` } };
  }
  return partial.rejected === 0 && partial.message === "" ? SENT : { kind: "sent", partial };
}

/** The status line, and what a google.rpc.Status in the body says; other bodies are pages of proxies. */
function httpMessage(statusLine: string, body: Uint8Array | undefined): string {
  if (!body) return statusLine;
  const decoded = body[0] === BRACE ? decodeJsonStatus(body) : decodeStatus(body);
  if (decoded instanceof ParseError || decoded.message === "") return statusLine;
  return `${statusLine}: ${decoded.message.slice(0, LONGEST_MESSAGE)}`;
}

function grpcFailure(result: CallResult, status: GrpcStatus): SendOutcome {
  const message = `gRPC status ${NAMES.get(status) ?? status}${result.message ? `: ${result.message}` : ""}`;
  const overloaded = status === GrpcStatus.RESOURCE_EXHAUSTED;
  // Without RetryInfo it means a request that is too large, which it will be again.
  if (RETRYABLE_GRPC.has(status) || (overloaded && result.retryAfterMs !== undefined)) {
    return retryable(result, message, overloaded);
  }
  return { kind: "permanent", message, ...(result.cause && { cause: result.cause }) };
}

function retryable({ retryAfterMs, cause }: CallResult, message: string, overloaded: boolean): SendOutcome {
  return {
    kind: "retryable",
    message,
    overloaded,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(cause && { cause }),
  };
}

const NAMES = new Map<number, string>(Object.entries(GrpcStatus).map(([name, code]) => [code, name]));
