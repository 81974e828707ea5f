import { decodeGrpcMessage, decodeRetryDetails, statusFromHttp } from "./grpc-wire.ts";
import { ErrorCode, findHeader, type HeaderField, type StreamEnd } from "./http2/index.ts";
import { type CallResult, GrpcStatus } from "./types.ts";

/** A result, or that the server certainly did nothing with the call, so that it may be sent again elsewhere. */
export type CallOutcome = CallResult | "not processed";

type Block = readonly HeaderField[] | undefined;

/** The header block that holds a call's status: the trailers, or the only one. */
export function statusBlock(headers: Block, trailers: Block): Block {
  const block = trailers ?? headers;
  return block !== undefined && findHeader(block, "grpc-status") !== undefined ? block : undefined;
}

/** What a block with `grpc-status` says. */
export function resultOf(block: readonly HeaderField[]): CallResult & { readonly grpcStatus: GrpcStatus } {
  const code = Number(findHeader(block, "grpc-status"));
  const grpcStatus = Number.isInteger(code) && code >= 0 && code <= 16 ? (code as GrpcStatus) : GrpcStatus.UNKNOWN;
  const message = decodeGrpcMessage(findHeader(block, "grpc-message") ?? "");
  const details = findHeader(block, "grpc-status-details-bin");
  const retryAfterMs = details === undefined ? undefined : decodeRetryDetails(details);
  return { grpcStatus, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/**
 * What to make of a call whose stream ended without `grpc-status`.
 * @param failure why the connection ended, where that is known
 */
export function withoutStatus(how: StreamEnd, code: number, headers: Block, failure: Error | undefined): CallOutcome {
  if (how === "unprocessed") return "not processed";
  if (how === "reset" && code === ErrorCode.REFUSED_STREAM && headers === undefined) return "not processed";
  if (how === "lost") {
    const message = `connection lost${failure ? `: ${failure.message}` : ""}`;
    return { grpcStatus: GrpcStatus.UNAVAILABLE, message, ...(failure && { cause: failure }) };
  }
  const httpStatus = Number((headers && findHeader(headers, ":status")) ?? 200);
  if (httpStatus !== 200) {
    return { grpcStatus: statusFromHttp(httpStatus), httpStatus, message: `the server answered HTTP ${httpStatus}` };
  }
  const message = how === "reset" ? `the server reset the call (${code})` : "the answer has no grpc-status";
  return { grpcStatus: statusFromReset(code), message };
}

/** RST_STREAM codes as statuses (doc/PROTOCOL-HTTP2.md, "Errors"). */
function statusFromReset(rstCode: number): GrpcStatus {
  switch (rstCode) {
    case ErrorCode.REFUSED_STREAM:
      return GrpcStatus.UNAVAILABLE;
    case ErrorCode.CANCEL:
      return GrpcStatus.CANCELLED;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case ErrorCode.INADEQUATE_SECURITY:
      return GrpcStatus.PERMISSION_DENIED;
    default:
      return GrpcStatus.INTERNAL;
  }
}
