/** Small parts of gRPC over HTTP/2 (gRPC repository, doc/PROTOCOL-HTTP2.md) that server and client share. */
import { GrpcStatus } from "./types.ts";

/** Largest message of a reply that a client takes; OTLP recommends 4 MiB in either direction. */
export const MAX_REPLY_BYTES = 4 << 20;

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Reads `grpc-timeout` into milliseconds; undefined where it is malformed. */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match ? Number(match[1]) * UNITS[match[2]!]! : undefined;
}

/** Writes `grpc-timeout`: whole milliseconds while they fit into eight digits (27 hours), then seconds. */
export function formatGrpcTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms <= 99_999_999 ? `${ms}m` : `${Math.min(Math.ceil(ms / 1000), 99_999_999)}S`;
}

/** Encodes `grpc-message`: everything outside printable ASCII, and `%`, as percent and two digits a UTF-8 byte. */
export function encodeGrpcMessage(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let text = "";
  for (const byte of Buffer.from(message, "utf8")) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) text += String.fromCharCode(byte);
    else text += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** Decodes `grpc-message`; what isn't a valid escape stays as it is. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const escape = text[at] === "%" ? /^%([0-9a-fA-F]{2})/.exec(text.slice(at, at + 3)) : null;
    if (escape) {
      bytes.push(Number.parseInt(escape[1]!, 16));
      at += 2;
    } else {
      bytes.push(...Buffer.from(text[at]!, "utf8"));
    }
  }
  return Buffer.from(bytes).toString("utf8");
}

/** What a gRPC client makes of an HTTP status where no `grpc-status` came (doc/http-grpc-status-mapping.md). */
export function statusFromHttp(httpStatus: number): GrpcStatus {
  switch (httpStatus) {
    case 400:
      return GrpcStatus.INTERNAL;
    case 401:
      return GrpcStatus.UNAUTHENTICATED;
    case 403:
      return GrpcStatus.PERMISSION_DENIED;
    case 404:
      return GrpcStatus.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus.UNAVAILABLE;
    default:
      return GrpcStatus.UNKNOWN;
  }
}

const RETRY_INFO_TYPE = "type.googleapis.com/google.rpc.RetryInfo";

/**
 * `grpc-status-details-bin`: google.rpc.Status {code=1, message=2, details=3} in base64, whose one detail is an Any
 * {type_url=1, value=2} of google.rpc.RetryInfo {retry_delay=1: Duration {seconds=1, nanos=2}}.
 */
export function encodeRetryDetails(status: GrpcStatus, message: string, retryAfterMs: number): string {
  const seconds = Math.floor(retryAfterMs / 1000);
  const nanos = Math.round((retryAfterMs - seconds * 1000) * 1e6);
  const duration = Buffer.concat([varintField(1, seconds), varintField(2, nanos)]);
  const any = Buffer.concat([bytesField(1, RETRY_INFO_TYPE), bytesField(2, bytesField(1, duration))]);
  const parts = [varintField(1, status), bytesField(2, message), bytesField(3, any)];
  return Buffer.concat(parts).toString("base64").replace(/=+$/, "");
}

/** The delay in `grpc-status-details-bin`, in milliseconds; undefined where there is none or the bytes are no Status. */
export function decodeRetryDetails(base64: string): number | undefined {
  for (const any of bytesFields(Buffer.from(base64, "base64"), 3)) {
    const type = bytesFields(any, 1)[0];
    if (type === undefined || !Buffer.from(type).toString("utf8").endsWith("/google.rpc.RetryInfo")) continue;
    const info = bytesFields(any, 2)[0];
    const duration = info && bytesFields(info, 1)[0];
    // A RetryInfo without a delay says "at once".
    if (!duration) return 0;
    const seconds = varintValue(duration, 1);
    const nanos = varintValue(duration, 2);
    // Negative ones are ten bytes long and come out huge; nobody waits longer than a day.
    if (seconds > 86_400 || nanos >= 1e9) return undefined;
    return seconds * 1000 + nanos / 1e6;
  }
  return undefined;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function varintField(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(field << 3), varint(value)]);
}

function bytesField(field: number, value: string | Uint8Array): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** Fields of a message, as far as the bytes can be read; only wire types 0 and 2 occur in what is read here. */
function* fields(bytes: Uint8Array): Generator<{ field: number; value: number | Uint8Array }> {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 10 && at < bytes.length; shift++) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** (7 * shift);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = next();
    const value = next();
    const type = tag & 7;
    if (Number.isNaN(tag) || Number.isNaN(value) || (type !== 0 && type !== 2)) return;
    if (type === 0) {
      yield { field: tag >>> 3, value };
    } else {
      if (value > bytes.length - at) return;
      yield { field: tag >>> 3, value: bytes.subarray(at, at + value) };
      at += value;
    }
  }
}

function bytesFields(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const { field, value } of fields(bytes)) if (field === wanted && typeof value !== "number") found.push(value);
  return found;
}

function varintValue(bytes: Uint8Array, wanted: number): number {
  let found = 0;
  for (const { field, value } of fields(bytes)) if (field === wanted && typeof value === "number") found = value;
  return found;
}
