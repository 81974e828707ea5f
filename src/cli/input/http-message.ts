import type { ByteStream } from "./byte-stream.ts";
import type { Coding } from "./compression.ts";

/** Bytes of a request's head at most; Node's own servers take 16 KiB. */
const HEAD_LIMIT = 64 << 10;

/** One HTTP/1.1 request of a capture. */
export interface CapturedRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Transfer coding undone, content coding not. */
  readonly body: Uint8Array;
  readonly coding: Coding | undefined;
}

/** What is wrong with a capture, for its user. Nothing behind it can be read. */
export class CaptureError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CaptureError";
  }
}

/**
 * Reads one request with its body (RFC 9112): by Content-Length, chunked, or to the end of the stream.
 * Throws CaptureError.
 */
export async function takeHttpRequest(stream: ByteStream, limit: number): Promise<CapturedRequest> {
  const { line, headers } = await takeHead(stream);
  const [method, target] = /^([A-Z]{3,7}) (\S+) HTTP\/1\.[01]$/.exec(line)?.slice(1) ?? [];
  if (method === undefined || target === undefined) {
    throw new CaptureError(
      line.startsWith("HTTP/")
        ? "an HTTP response stands here, not a request; capture what the client sends"
        : "no HTTP request stands here",
    );
  }
  const coding = codingFrom(headers.get("content-encoding") ?? "");
  const body = await takeBody(stream, headers, limit);
  return { method, path: target.replace(/\?.*$/, "").replace(/^https?:\/\/[^/]*/, ""), headers, body, coding };
}

async function takeHead(stream: ByteStream): Promise<{ line: string; headers: Map<string, string> }> {
  const held = Buffer.from(await stream.peek(HEAD_LIMIT));
  const head = /^(?:[^\n]+\n)+?\r?\n/.exec(held.subarray(0, HEAD_LIMIT).toString("latin1"))?.[0];
  if (head === undefined) {
    throw new CaptureError(`the head of the HTTP request has no end within ${Math.min(HEAD_LIMIT, held.length)} bytes`);
  }
  await stream.take(head.length);
  const [line = "", ...fields] = head.trimEnd().split(/\r?\n/);
  const headers = new Map<string, string>();
  for (const field of fields) {
    const colon = field.indexOf(":");
    if (colon <= 0) throw new CaptureError("a header line of the HTTP request has no colon");
    headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim());
  }
  return { line, headers };
}

function codingFrom(value: string): Coding | undefined {
  switch (value.toLowerCase()) {
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "zstd":
    case "deflate":
      return value.toLowerCase() as Coding;
    default:
      throw new CaptureError(`content-encoding "${value.slice(0, 40)}" is not gzip, zstd or deflate`);
  }
}

async function takeBody(stream: ByteStream, headers: ReadonlyMap<string, string>, limit: number): Promise<Uint8Array> {
  if (/\bchunked$/i.test(headers.get("transfer-encoding") ?? "")) return takeChunks(stream, limit);
  const announced = headers.get("content-length");
  if (announced === undefined) {
    const rest = await stream.takeAll(limit);
    if (rest === undefined) throw new CaptureError(`the body is longer than ${limit} bytes`);
    return rest;
  }
  if (!/^\d{1,15}$/.test(announced)) throw new CaptureError("content-length is no number");
  const length = Number(announced);
  if (length > limit) throw new CaptureError(`the body is longer than ${limit} bytes`);
  const body = await stream.take(length);
  if (body.length < length) {
    throw new CaptureError(`the body should have ${length} bytes, but the capture ends after ${body.length}`);
  }
  return body;
}

async function takeChunks(stream: ByteStream, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const line = Buffer.from((await stream.takeLine(1024)) ?? []).toString("latin1");
    const digits = /^([0-9a-f]{1,8})\s*(?:;.*)?\r?$/i.exec(line)?.[1];
    if (digits === undefined) throw new CaptureError("the chunked body is damaged or cut off");
    const size = Number.parseInt(digits, 16);
    if (size === 0) break;
    total += size;
    if (total > limit) throw new CaptureError(`the body is longer than ${limit} bytes`);
    const chunk = await stream.take(size);
    if (chunk.length < size) throw new CaptureError("the capture ends inside a chunk of the body");
    chunks.push(chunk);
    await stream.takeLine(1024);
  }
  // Trailers, up to an empty line.
  for (;;) {
    const line = await stream.takeLine(HEAD_LIMIT);
    if (line === undefined || line.length === 0 || (line.length === 1 && line[0] === 0x0d)) break;
  }
  return Buffer.concat(chunks);
}
