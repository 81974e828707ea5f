import { open, type FileHandle } from "node:fs/promises";
import type { Refusal } from "#otlp";
import { ByteStream, chunkSource, fileSource, type ByteSource } from "./byte-stream.ts";
import { codingOf, inflated, InflateError, inflating, type Coding } from "./compression.ts";
import {
  type Frame,
  type Framing,
  framingOf,
  FRAMING_WINDOW,
  grpcFrame,
  HEADER_BYTES,
  length32Frame,
  varintFrame,
} from "./framing.ts";
import { CaptureError, takeHttpRequest, type CapturedRequest } from "./http-message.ts";

/** Bytes of one request or document at most, inflated. Four times what OTLP tells servers to take. */
export const REQUEST_LIMIT = 256 << 20;

/** What stands for standard input among file names. */
export const STANDARD_INPUT = "-";

/** One request or document of a file. */
export interface InputRequest {
  readonly kind: "request";
  /** For people: file, and the position in it where the file has several. */
  readonly place: string;
  readonly file: string;
  /** What it was wrapped in, from the outside inward, e.g. `gzip`, `gRPC frames`. */
  readonly wrapping: readonly string[];
  readonly bytes: Uint8Array;
  /** Bytes that it takes in the file, inflated and with its frame. */
  readonly framedBytes: number;
  /** The HTTP request that it is the body of. */
  readonly http: CapturedRequest | undefined;
}

/** A part of a file that cannot be had. */
export interface InputProblem {
  readonly kind: "problem";
  readonly place: string;
  /** What is wrong, and what can be done about it. */
  readonly message: string;
  /** Where it is a request that has no layout. */
  readonly refusal?: Refusal;
}

export interface InputOptions {
  /** Is told how many bytes of the file were read since the last call. */
  readonly onRead?: (bytes: number) => void;
}

/**
 * Takes a file (or standard input, `-`) apart into requests and documents, one at a time. Never throws for what stands
 * in the file: what cannot be had is a problem between the requests, and what follows it comes if it can be found.
 */
export async function* readInput(
  file: string,
  options: InputOptions = {},
): AsyncGenerator<InputRequest | InputProblem> {
  const name = file === STANDARD_INPUT ? "standard input" : file;
  if (file === STANDARD_INPUT) {
    yield* takeApart(name, counted(chunkSource(process.stdin as AsyncIterable<Uint8Array>), options), undefined);
    return;
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
    yield* takeApart(name, counted(fileSource(handle), options), stats.isFile() ? stats.size : undefined);
  } catch (error) {
    const message = UNREADABLE.get((error as NodeJS.ErrnoException).code);
    if (message === undefined) throw error;
    yield { kind: "problem", place: name, message };
  } finally {
    await handle?.close();
  }
}

/** Why files cannot be read, by the system's code. */
const UNREADABLE: ReadonlyMap<string | undefined, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["ENOTDIR", "there is no such file"],
  ["EISDIR", "is a folder; name the files in it"],
  ["EACCES", "may not be read by this user"],
  ["EPERM", "may not be read by this user"],
  ["EIO", "cannot be read: the device reports an error"],
]);

function counted(source: ByteSource, { onRead }: InputOptions): ByteSource {
  if (!onRead) return source;
  return async (into) => {
    const read = await source(into);
    onRead(read);
    return read;
  };
}

async function* takeApart(
  file: string,
  source: ByteSource,
  size: number | undefined,
): AsyncGenerator<InputRequest | InputProblem> {
  const content: Content = { file, stream: new ByteStream(source), size, wrapping: [] };
  try {
    const unwrapped = await unwrap(content);
    if ("kind" in unwrapped) yield unwrapped;
    else yield* requestsOf(unwrapped);
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    yield {
      kind: "problem",
      place: file,
      message: `${error.message}; what came before it was read. Was the file cut off while it was copied?`,
    };
  }
}

/** A stream with what is known of it. */
interface Content {
  readonly file: string;
  readonly stream: ByteStream;
  /** Bytes of the stream, where known. */
  readonly size: number | undefined;
  readonly wrapping: readonly string[];
}

/** Codings around each other that are undone. */
const CODINGS_NESTED = 2;

async function unwrap(content: Content): Promise<Content | InputProblem> {
  const { file } = content;
  let { stream, size } = content;
  const wrapping: string[] = [];
  for (;;) {
    const coding = codingOf(await stream.peek(4));
    if (coding === undefined) return { file, stream, size, wrapping };
    if (wrapping.length === CODINGS_NESTED) {
      const message = `is compressed more than ${CODINGS_NESTED} times (${wrapping.join(" in ")}); uncompress it first`;
      return { kind: "problem", place: file, message };
    }
    stream = inflating(stream, coding);
    size = undefined;
    wrapping.push(coding);
  }
}

async function* requestsOf(content: Content): AsyncGenerator<InputRequest | InputProblem> {
  const { stream, size } = content;
  const window = await stream.peek(FRAMING_WINDOW);
  const framing = framingOf(window, size ?? (window.length < FRAMING_WINDOW ? window.length : undefined));
  switch (framing) {
    case "whole":
      yield await wholeOf(content);
      return;
    case "lines":
      yield* linesOf(content);
      return;
    case "http":
      yield* httpRequestsOf(content);
      return;
    case "grpc":
    case "length32":
    case "varint":
      yield* framesOf(content, framing);
      return;
  }
}

async function wholeOf({ file, stream, size, wrapping }: Content): Promise<InputRequest | InputProblem> {
  const bytes = await stream.takeAll(REQUEST_LIMIT, size);
  if (bytes === undefined) return { kind: "problem", place: file, message: tooLarge("the document") };
  return { kind: "request", place: file, file, wrapping, bytes, framedBytes: bytes.length, http: undefined };
}

async function* linesOf({ file, stream, wrapping }: Content): AsyncGenerator<InputRequest | InputProblem> {
  for (let line = 1; !(await stream.atEnd()); line++) {
    const place = `${file}:${line}`;
    const bytes = await stream.takeLine(REQUEST_LIMIT);
    if (bytes === undefined) {
      yield { kind: "problem", place, message: tooLarge("the line") };
      return;
    }
    if (isBlank(bytes)) continue;
    yield {
      kind: "request",
      place,
      file,
      wrapping: [...wrapping, "JSON lines"],
      bytes,
      framedBytes: bytes.length + 1,
      http: undefined,
    };
  }
}

const FRAME_READERS: Readonly<
  Record<keyof typeof HEADER_BYTES, { name: string; frameAt: (bytes: Uint8Array, at: number) => Frame | undefined }>
> = {
  grpc: { name: "gRPC frames", frameAt: grpcFrame },
  length32: { name: "4-byte lengths", frameAt: length32Frame },
  varint: { name: "varint lengths", frameAt: varintFrame },
};

async function* framesOf(
  { file, stream, wrapping }: Content,
  framing: Exclude<Framing, "whole" | "lines" | "http">,
): AsyncGenerator<InputRequest | InputProblem> {
  const { name, frameAt } = FRAME_READERS[framing];
  for (let index = 1; !(await stream.atEnd()); index++) {
    const { offset } = stream;
    const place = `${file}: request ${index} at byte ${offset}`;
    const header = await stream.peek(HEADER_BYTES[framing]);
    const frame = frameAt(header, 0);
    if (!frame) {
      yield { kind: "problem", place, message: `no frame begins here (${name}); the rest is not read` };
      return;
    }
    if (frame.length > REQUEST_LIMIT) {
      yield { kind: "problem", place, message: tooLarge("the frame") };
      return;
    }
    const compressed = framing === "grpc" && header[0] === 1;
    await stream.take(frame.start);
    const bytes = await stream.take(frame.length);
    if (bytes.length < frame.length) {
      const message = `should have ${frame.length} bytes, but the file ends after ${bytes.length}: it was cut off`;
      yield { kind: "problem", place, message };
      return;
    }
    yield contentOf(
      {
        kind: "request",
        place,
        file,
        wrapping: [...wrapping, name],
        bytes,
        framedBytes: frame.start + frame.length,
        http: undefined,
      },
      compressed,
    );
  }
}

/** Undoes the coding of a record or message on its own, if it has one. */
function contentOf(request: InputRequest, compressed = false, announced?: Coding): InputRequest | InputProblem {
  const { bytes, place } = request;
  const coding = announced ?? codingOf(bytes);
  if (coding === undefined) {
    if (!compressed || bytes.length === 0) return request;
    return {
      kind: "problem",
      place,
      message: "is compressed, but neither as gzip nor as zstd; capture without compression",
    };
  }
  try {
    return { ...request, bytes: inflated(bytes, coding, REQUEST_LIMIT), wrapping: [...request.wrapping, coding] };
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    return { kind: "problem", place, message: error.message };
  }
}

async function* httpRequestsOf({ file, stream, wrapping }: Content): AsyncGenerator<InputRequest | InputProblem> {
  for (let index = 1; !(await stream.atEnd()); index++) {
    const { offset } = stream;
    const place = `${file}: HTTP request ${index} at byte ${offset}`;
    try {
      const http = await takeHttpRequest(stream, REQUEST_LIMIT);
      const framedBytes = stream.offset - offset;
      const around = [...wrapping, `HTTP ${http.method} ${http.path}`];
      const request: InputRequest = {
        kind: "request",
        place,
        file,
        wrapping: around,
        bytes: http.body,
        framedBytes,
        http,
      };
      // A client may compress what it calls identity; the magic number tells.
      yield contentOf(request, false, http.coding);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      yield { kind: "problem", place, message: error.message };
      return;
    }
  }
}

function tooLarge(what: string): string {
  return `${what} is larger than ${REQUEST_LIMIT >>> 20} MiB; split it`;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
