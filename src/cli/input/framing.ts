import { beginsAsJson, isJsonSpace } from "#formats";
import { codingOf } from "./compression.ts";

/**
 * How requests stand in a stream. `whole`: the stream is one. `lines`: a JSON document a line. `grpc`: behind a flag
 * byte and 4 bytes of length. `length32`: behind 4 bytes of length, most significant first, as the file exporter
 * writes. `varint`: behind a protobuf varint of length. `http`: HTTP/1.1 requests.
 */
export type Framing = "whole" | "lines" | "grpc" | "length32" | "varint" | "http";

/** How much `framingOf` wants to see. More does not help, less may do. */
export const FRAMING_WINDOW = 256 << 10;

/** Frames of a stream that must fit before the rest is believed. */
const FRAMES_CHECKED = 16;

/**
 * Tells the framing by the first bytes of a stream.
 *
 * @param window the beginning
 * @param total bytes of the whole stream, where known
 */
export function framingOf(window: Uint8Array, total: number | undefined): Framing {
  if (isHttp(window)) return "http";
  if (beginsAsJson(window)) return firstLineIsDocument(window) ? "lines" : "whole";
  if (fits(window, total, grpcFrame)) return "grpc";
  if (fits(window, total, length32Frame)) return "length32";
  if (isRequestLike(window, 0, window.length, total === undefined ? Infinity : total)) return "whole";
  if (fits(window, total, varintFrame)) return "varint";
  return "whole";
}

/** Where the content of the frame at `at` stands. Undefined where the header isn't whole or is none. */
export interface Frame {
  readonly start: number;
  readonly length: number;
}

type FrameReader = (bytes: Uint8Array, at: number) => Frame | undefined;

/** gRPC over HTTP/2, "Length-Prefixed-Message": a byte that says whether the message is compressed, then its length. */
export function grpcFrame(bytes: Uint8Array, at: number): Frame | undefined {
  if (at + 5 > bytes.length || bytes[at]! > 1) return undefined;
  return { start: at + 5, length: uint32(bytes, at + 1) };
}

export function length32Frame(bytes: Uint8Array, at: number): Frame | undefined {
  return at + 4 > bytes.length ? undefined : { start: at + 4, length: uint32(bytes, at) };
}

/** As `writeDelimitedTo` of the protobuf libraries. Lengths have at most 5 bytes. */
export function varintFrame(bytes: Uint8Array, at: number): Frame | undefined {
  let length = 0;
  for (let index = 0; index < 5 && at + index < bytes.length; index++) {
    const byte = bytes[at + index]!;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { start: at + index + 1, length };
  }
  return undefined;
}

/** The bytes of a header at most. */
export const HEADER_BYTES: Readonly<Record<"grpc" | "length32" | "varint", number>> = {
  grpc: 5,
  length32: 4,
  varint: 5,
};

/** Whether the first line is a document of its own. What is printed for people breaks the line after a bracket. */
function firstLineIsDocument(window: Uint8Array): boolean {
  const start = window.findIndex((byte) => !isJsonSpace(byte));
  let end = window.indexOf(0x0a, start);
  if (end < 0) return false;
  while (end > start && isJsonSpace(window[end])) end--;
  return window[end] === 0x7d;
}

function isHttp(window: Uint8Array): boolean {
  const line = Buffer.from(window.buffer, window.byteOffset, Math.min(window.length, 4096)).toString("latin1");
  return /^[A-Z]{3,7} \S+ HTTP\/1\.[01]\r?\n/.test(line) || /^HTTP\/1\.[01] \d{3}/.test(line);
}

/** Whether the stream is a chain of such frames with requests in them, as far as the window shows. */
function fits(window: Uint8Array, total: number | undefined, frameAt: FrameReader): boolean {
  let at = 0;
  let withContent = 0;
  for (let count = 0; count < FRAMES_CHECKED && at < window.length; count++) {
    const frame = frameAt(window, at);
    if (!frame) {
      // Only the last header may be cut off, by the end of the window.
      return withContent > 0 && window.length - at < 5;
    }
    const { start, length } = frame;
    const end = start + length;
    const cutOff = total !== undefined && end > total;
    if (cutOff && withContent === 0) return false;
    if (length > 0) {
      if (!isContent(window, start, Math.min(end, window.length), length)) return cutOff && withContent > 0;
      withContent++;
    }
    at = end;
  }
  return withContent > 0;
}

function isContent(window: Uint8Array, start: number, end: number, length: number): boolean {
  if (start >= window.length) return true;
  const content = window.subarray(start, end);
  return codingOf(content) !== undefined || beginsAsJson(content) || isRequestLike(content, 0, content.length, length);
}

/**
 * Whether the bytes begin with top-level fields of a profiles request of any layout (1 to 8, all length-delimited), as
 * far as they are there, and end where the message ends.
 */
function isRequestLike(bytes: Uint8Array, start: number, end: number, total: number): boolean {
  let at = start;
  let fields = 0;
  while (at < end) {
    const tag = bytes[at]!;
    if ((tag & 7) !== 2 || tag < 0x0a || tag > 0x42) return false;
    const frame = varintFrame(bytes, at + 1);
    if (!frame) return fields > 0 && end - at < 6;
    at = frame.start + frame.length;
    if (at - start > total) return false;
    fields++;
  }
  return fields > 0;
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
