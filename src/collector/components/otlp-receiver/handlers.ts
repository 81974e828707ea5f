/** OTLP's two transports around an `Intake`: what a request's content is, and how the outcome is answered. */
import { encodeJsonResponse, encodeJsonStatus, encodeResponse, encodeStatus } from "#otlp";
import { type GrpcHandler, type GrpcReply, GrpcStatus, type HttpErrorBody, type HttpHandler } from "#transport";
import type { HttpReply } from "#transport";
import type { Intake } from "./intake.ts";
import { codeOfHttp, type Refusal, wrongContentType } from "./status.ts";

const PROTOBUF = "application/x-protobuf";
const JSON_TYPE = "application/json";

const GRPC_SUCCESS: GrpcReply = { status: GrpcStatus.OK, body: encodeResponse() };

/** The Export method of one service. */
export function grpcHandler(intake: Intake): GrpcHandler {
  return async (request) => {
    const refusal = await intake.receive(request);
    if (!refusal) return GRPC_SUCCESS;
    const { grpc: status, message, retryAfterMs } = refusal;
    return { status, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  };
}

/** One path of OTLP/HTTP; the answer is in the encoding of the request. */
export function httpHandler(intake: Intake): HttpHandler {
  const success: HttpReply = { status: 200, contentType: PROTOBUF, body: encodeResponse() };
  const jsonSuccess: HttpReply = { status: 200, contentType: JSON_TYPE, body: encodeJsonResponse(intake.signal) };
  return async (request) => {
    const contentType = request.header("content-type");
    const type = mediaType(contentType);
    if (type === PROTOBUF) {
      const refusal = await intake.receive(request);
      return refusal ? httpRefusal(refusal, PROTOBUF) : success;
    }
    if (type === JSON_TYPE) {
      const refusal = await intake.receiveJson(request);
      return refusal ? httpRefusal(refusal, JSON_TYPE) : jsonSuccess;
    }
    intake.refuseContentType();
    return httpRefusal(wrongContentType(contentType), undefined);
  };
}

function httpRefusal(refusal: Refusal, encoding: string | undefined): HttpReply {
  const { http: status, retryAfterMs } = refusal;
  return {
    status,
    ...statusBody(refusal.grpc, refusal.message, encoding, retryAfterMs),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Bodies of the errors that the server answers by itself: google.rpc.Status like all others. */
export const httpErrorBody: HttpErrorBody = (status, message, contentType) =>
  statusBody(codeOfHttp(status), message, mediaType(contentType));

function statusBody(
  code: GrpcStatus,
  message: string,
  encoding: string | undefined,
  retryAfterMs?: number,
): { contentType: string; body: Uint8Array | string } {
  const status = { code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (encoding === JSON_TYPE) return { contentType: JSON_TYPE, body: encodeJsonStatus(status) };
  if (encoding === PROTOBUF) return { contentType: PROTOBUF, body: encodeStatus(status) };
  return { contentType: "text/plain; charset=utf-8", body: `${message}\n` };
}

/** Without parameters, in lower case. */
function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(";", 1)[0]!.trim().toLowerCase();
}
