import { decodeResponse, ParseError, type PartialSuccess } from "#otlp";
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
  const message = `HTTP ${httpStatus}${result.message ? `: ${result.message}` : ""}`;
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
