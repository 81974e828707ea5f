import { ParseError, Reader, WireType, Writer } from "#wire";
import { parseObject } from "./json-object.ts";

/** google.rpc.Status: the body of failed OTLP/HTTP responses and the content of `grpc-status-details-bin`. */
export interface RpcStatus {
  /** A google.rpc.Code, the same numbers as gRPC's. */
  readonly code: number;
  readonly message: string;
  /** From or for a google.rpc.RetryInfo among the details. */
  readonly retryAfterMs?: number;
}

/** google.rpc.Status, google.protobuf.Any, google.rpc.RetryInfo, google.protobuf.Duration. */
const CODE = 1;
const MESSAGE = 2;
const DETAILS = 3;
const ANY_TYPE_URL = 1;
const ANY_VALUE = 2;
const RETRY_DELAY = 1;
const SECONDS = 1;
const NANOS = 2;
const RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo";

/** Encodes as protobuf. */
export function encodeStatus(status: RpcStatus): Uint8Array {
  const writer = new Writer();
  if (status.code !== 0) writer.varint(CODE, status.code);
  if (status.message !== "") writer.string(MESSAGE, status.message);
  if (status.retryAfterMs !== undefined) {
    const { seconds, nanos } = durationOf(status.retryAfterMs);
    writer.open(DETAILS);
    writer.string(ANY_TYPE_URL, RETRY_INFO);
    writer.open(ANY_VALUE);
    writer.open(RETRY_DELAY);
    if (seconds !== 0) writer.varint(SECONDS, seconds);
    if (nanos !== 0) writer.varint(NANOS, nanos);
    writer.close();
    writer.close();
    writer.close();
  }
  return writer.finish();
}

/** Encodes as protobuf JSON; durations are seconds with an `s`. */
export function encodeJsonStatus(status: RpcStatus): string {
  return JSON.stringify({
    code: status.code,
    message: status.message,
    ...(status.retryAfterMs !== undefined && {
      details: [{ "@type": RETRY_INFO, retryDelay: `${Math.max(0, status.retryAfterMs) / 1000}s` }],
    }),
  });
}

/** Reads protobuf. Details of other kinds are passed over. */
export function decodeStatus(bytes: Uint8Array): RpcStatus | ParseError {
  let code = 0;
  let message = "";
  let retryAfterMs: number | undefined;
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  while (reader.next()) {
    if (reader.field === CODE && reader.wireType === WireType.VARINT) code = reader.low;
    else if (reader.field === MESSAGE && reader.wireType === WireType.LEN) message = reader.string();
    else if (reader.field === DETAILS && reader.wireType === WireType.LEN) {
      const delay = decodeRetryInfo(bytes, reader.start, reader.end);
      if (delay instanceof ParseError) return delay.within("details");
      retryAfterMs = delay ?? retryAfterMs;
    }
  }
  if (reader.failed) return reader.error();
  return retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs };
}

/** Reads protobuf JSON. */
export function decodeJsonStatus(bytes: Uint8Array): RpcStatus | ParseError {
  const body = parseObject(bytes);
  if (body instanceof ParseError) return body;
  const code = Number(body["code"] ?? 0);
  if (!Number.isInteger(code)) return new ParseError("code: not an integer");
  const message = body["message"] ?? "";
  if (typeof message !== "string") return new ParseError("message: not a string");
  const details: readonly unknown[] = Array.isArray(body["details"]) ? (body["details"] as unknown[]) : [];
  for (const detail of details) {
    if (typeof detail !== "object" || detail === null) continue;
    const { "@type": type, retryDelay } = detail as Readonly<Record<string, unknown>>;
    if (type !== RETRY_INFO || typeof retryDelay !== "string") continue;
    const seconds = /^(\d+(?:\.\d{1,9})?)s$/.exec(retryDelay)?.[1];
    if (seconds !== undefined) return { code, message, retryAfterMs: Math.ceil(Number(seconds) * 1000) };
  }
  return { code, message };
}

/** The delay in milliseconds if the Any at `bytes[start, end)` is a RetryInfo. */
function decodeRetryInfo(bytes: Uint8Array, start: number, end: number): number | undefined | ParseError {
  let type = "";
  let value = new Uint8Array(0);
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === ANY_TYPE_URL) type = reader.string();
    else if (reader.field === ANY_VALUE) value = bytes.slice(reader.start, reader.end);
  }
  if (reader.failed) return reader.error();
  if (type !== RETRY_INFO) return undefined;
  let seconds = 0;
  let nanos = 0;
  const info = new Reader();
  info.reset(value, 0, value.length);
  while (info.next()) {
    if (info.field !== RETRY_DELAY || info.wireType !== WireType.LEN) continue;
    reader.reset(value, info.start, info.end);
    while (reader.next()) {
      if (reader.wireType !== WireType.VARINT) continue;
      if (reader.field === SECONDS) seconds = reader.int();
      else if (reader.field === NANOS) nanos = reader.low;
    }
    if (reader.failed) return reader.error();
  }
  if (info.failed) return info.error();
  return Math.max(0, seconds * 1000 + Math.ceil(nanos / 1e6));
}

function durationOf(milliseconds: number): { seconds: number; nanos: number } {
  const whole = Math.max(0, Math.ceil(milliseconds));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}
