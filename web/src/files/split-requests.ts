import { detectLayout, Refusal } from "#otlp";
import { beginsAsJson, isJsonSpace } from "../../../src/formats/plain.ts";
import { inflateFile } from "./inflate-file.ts";
import { FileProblem } from "./file-profile.ts";

/** The requests of a file. */
export interface SplitFile {
  readonly requests: readonly Uint8Array[];
  /** The file ends inside of another one. */
  readonly cutOff: boolean;
}

/** How a request may be announced: where its content is, or undefined where no header is. */
type FrameReader = (bytes: Uint8Array, at: number) => { readonly start: number; readonly length: number } | undefined;

const NEWLINE = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Takes a file of OTLP apart: a JSON document, or one a line; a protobuf request, or any number of them behind each
 * other, each with its length ahead: gRPC's five bytes, four bytes (the Collector's file exporter), or a varint. A
 * framing is believed where it leads to the end of the file.
 */
export async function splitRequests(bytes: Uint8Array): Promise<SplitFile | FileProblem> {
  if (beginsAsJson(bytes)) return { requests: jsonDocuments(bytes), cutOff: false };
  const chain =
    chainOf(bytes, grpcFrame) ??
    chainOf(bytes, length32Frame) ??
    (isOneRequest(bytes) ? undefined : chainOf(bytes, varintFrame));
  if (!chain) return { requests: [bytes], cutOff: false };
  const requests: Uint8Array[] = [];
  for (const content of chain.requests) {
    const plain = content[0] === 0x1f || content[0] === 0x28 ? await inflateFile(copyOf(content), () => {}) : content;
    if (plain instanceof FileProblem) return plain;
    requests.push(plain);
  }
  return { requests, cutOff: chain.cutOff };
}

function jsonDocuments(bytes: Uint8Array): Uint8Array[] {
  const start = bytes.indexOf(OPEN_BRACE);
  let end = bytes.indexOf(NEWLINE, start);
  const next = end + 1;
  while (end > start && isJsonSpace(bytes[end])) end--;
  // What is printed for people breaks the first line behind a bracket.
  if (next === 0 || bytes[end] !== CLOSE_BRACE) return [bytes];
  const documents: Uint8Array[] = [];
  for (let from = start; from < bytes.length;) {
    const found = bytes.indexOf(NEWLINE, from);
    const line = bytes.subarray(from, found < 0 ? bytes.length : found);
    if (!line.every(isJsonSpace)) documents.push(line);
    from += line.length + 1;
  }
  return documents;
}

/** The requests of a file that is a chain of frames from its first byte to its last, but for one that is cut off. */
function chainOf(bytes: Uint8Array, frameAt: FrameReader): SplitFile | undefined {
  const requests: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const frame = frameAt(bytes, at);
    const end = frame ? frame.start + frame.length : Infinity;
    if (!frame || end > bytes.length) return requests.length > 0 ? { requests, cutOff: true } : undefined;
    if (frame.length > 0) {
      const content = bytes.subarray(frame.start, end);
      // The first one decides: by chance lengths lead anywhere, but not to a request.
      if (requests.length === 0 && !isRequest(content)) return undefined;
      requests.push(content);
    }
    at = end;
  }
  return requests.length > 0 ? { requests, cutOff: false } : undefined;
}

function isRequest(content: Uint8Array): boolean {
  return content[0] === 0x1f || content[0] === 0x28 || !(detectLayout(content) instanceof Refusal);
}

/** Whether the bytes are fields with messages in them, as those of a request are, from the first to the last. */
function isOneRequest(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    const frame = (bytes[at]! & 7) === 2 ? varintFrame(bytes, at + 1) : undefined;
    if (!frame) return false;
    at = frame.start + frame.length;
  }
  return at === bytes.length;
}

/** "Length-Prefixed-Message" of gRPC over HTTP/2: a byte that says whether it is compressed, and its length. */
function grpcFrame(bytes: Uint8Array, at: number): ReturnType<FrameReader> {
  if (at + 5 > bytes.length || bytes[at]! > 1) return undefined;
  return { start: at + 5, length: uint32(bytes, at + 1) };
}

function length32Frame(bytes: Uint8Array, at: number): ReturnType<FrameReader> {
  return at + 4 > bytes.length ? undefined : { start: at + 4, length: uint32(bytes, at) };
}

/** As `writeDelimitedTo` of the protobuf libraries; at most five bytes. */
function varintFrame(bytes: Uint8Array, at: number): ReturnType<FrameReader> {
  let length = 0;
  for (let index = 0; index < 5 && at + index < bytes.length; index++) {
    const byte = bytes[at + index]!;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { start: at + index + 1, length };
  }
  return undefined;
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at);
}

function copyOf(bytes: Uint8Array): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]);
}
