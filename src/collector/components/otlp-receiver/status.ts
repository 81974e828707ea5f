/**
 * How outcomes are told to senders, for both transports; the only place that maps `ConsumeError` to codes. The rule is
 * OTLP's ("Failures", "Retryable response codes"): what may succeed later gets a code that senders retry, all else one
 * that they don't.
 */
import type { ConsumeError } from "#collector";
import { GrpcStatus } from "#transport";

/** An outcome as a sender sees it. */
export interface Refusal {
  readonly grpc: GrpcStatus;
  readonly http: number;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** A request that can't be decoded, or names a schema that is not known here. */
export function malformed(message: string): Refusal {
  return { grpc: GrpcStatus.INVALID_ARGUMENT, http: 400, message };
}

/** A body that is neither protobuf nor JSON by its own account. */
export function wrongContentType(contentType: string | undefined): Refusal {
  const named = contentType === undefined ? "none" : contentType.slice(0, 100);
  const message = `Content-Type ${named} is not supported; send application/x-protobuf or application/json`;
  return { grpc: GrpcStatus.INVALID_ARGUMENT, http: 415, message };
}

/** What a pipeline answered. */
export function fromConsumeError(error: ConsumeError): Refusal {
  const { message, retryAfterMs } = error;
  if (error.permanent) return { grpc: GrpcStatus.INVALID_ARGUMENT, http: 400, message };
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (error.reason === "overload") {
    // RESOURCE_EXHAUSTED without RetryInfo would be final.
    return { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 429, message, retryAfterMs: retryAfterMs ?? 1000 };
  }
  return { grpc: GrpcStatus.UNAVAILABLE, http: 503, message, ...after };
}

/** A bug of ours: the sender keeps its data and tries again. Says nothing of the inside. */
export const INTERNAL_FAILURE: Refusal = {
  grpc: GrpcStatus.UNAVAILABLE,
  http: 503,
  message: "internal error; try again",
};

/** google.rpc.Code in the body of an HTTP error, for statuses that no gRPC status stands behind. */
export function codeOfHttp(status: number): GrpcStatus {
  switch (status) {
    case 404:
    case 405:
      return GrpcStatus.UNIMPLEMENTED;
    case 413:
    case 429:
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case 503:
      return GrpcStatus.UNAVAILABLE;
    default:
      return GrpcStatus.INVALID_ARGUMENT;
  }
}
