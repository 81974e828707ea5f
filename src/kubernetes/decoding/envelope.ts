import { Reader, WireType } from "#wire";
import type { ApiStatus } from "../errors.ts";

/**
 * First bytes of every object as Kubernetes protobuf, `k8s` and a zero, before a runtime.Unknown (k8s.io/apimachinery
 * pkg/runtime/serializer/protobuf).
 */
export const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

// Field numbers: k8s.io/apimachinery pkg/runtime/generated.proto and meta/v1/generated.proto (v0.35).
export const Unknown = { TYPE_META: 1, RAW: 2 } as const;
const TypeMeta = { KIND: 2 } as const;
const Object_ = { METADATA: 1 } as const;
const ObjectMeta = { RESOURCE_VERSION: 6 } as const;
const Status = { MESSAGE: 3, REASON: 4, DETAILS: 5, CODE: 6 } as const;
const StatusDetails = { RETRY_AFTER_SECONDS: 5 } as const;

/** An object out of its envelope: its kind, and where its message stands. */
export interface Envelope {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** Opens the envelope at `bytes[start, end)`; undefined when it is none. */
export function openEnvelope(bytes: Buffer, start: number, end: number): Envelope | undefined {
  if (end - start < MAGIC.length || bytes.compare(MAGIC, 0, MAGIC.length, start, start + MAGIC.length) !== 0) {
    return undefined;
  }
  const reader = new Reader();
  reader.reset(bytes, start + MAGIC.length, end);
  let envelope: Envelope = { kind: "", start: end, end };
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === Unknown.TYPE_META) {
      envelope = { ...envelope, kind: textOf(bytes, reader.start, reader.end, TypeMeta.KIND) };
    } else if (reader.field === Unknown.RAW) envelope = { ...envelope, start: reader.start, end: reader.end };
  }
  return reader.failed ? undefined : envelope;
}

/** metadata.resourceVersion of any object, at `bytes[start, end)`; empty where there is none. */
export function resourceVersionOf(bytes: Buffer, start: number, end: number): string {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.field !== Object_.METADATA || reader.wireType !== WireType.LEN) continue;
    return textOf(bytes, reader.start, reader.end, ObjectMeta.RESOURCE_VERSION);
  }
  return "";
}

/** A meta/v1 Status at `bytes[start, end)`. */
export function statusFromProtobuf(bytes: Buffer, start: number, end: number): ApiStatus {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  let [code, reason, message, retryAfterMs] = [0, "", "", undefined as number | undefined];
  while (reader.next()) {
    if (reader.field === Status.CODE && reader.wireType === WireType.VARINT) code = reader.int();
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === Status.MESSAGE) message = reader.string();
    else if (reader.field === Status.REASON) reason = reader.string();
    else if (reader.field === Status.DETAILS) retryAfterMs = retryAfterOf(bytes, reader.start, reader.end);
  }
  return { code, reason, message, retryAfterMs };
}

/** A meta/v1 Status as parsed JSON; odd values count as absent. */
export function statusFromJson(value: unknown): ApiStatus {
  const status = asObject(value);
  const seconds = asObject(status["details"])["retryAfterSeconds"];
  return {
    code: typeof status["code"] === "number" ? status["code"] : 0,
    reason: typeof status["reason"] === "string" ? status["reason"] : "",
    message: typeof status["message"] === "string" ? status["message"] : "",
    retryAfterMs: typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined,
  };
}

/** A parsed JSON value as an object; an empty one for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function retryAfterOf(bytes: Buffer, start: number, end: number): number | undefined {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.field === StatusDetails.RETRY_AFTER_SECONDS && reader.wireType === WireType.VARINT && reader.int() > 0) {
      return reader.int() * 1000;
    }
  }
  return undefined;
}

function textOf(bytes: Buffer, start: number, end: number, field: number): string {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  let text = "";
  while (reader.next()) {
    if (reader.field === field && reader.wireType === WireType.LEN) text = reader.string();
  }
  return text;
}
