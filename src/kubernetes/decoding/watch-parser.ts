import { Reader, WireType } from "#wire";
import { ByteQueue } from "./byte-queue.ts";
import { asObject, openEnvelope, resourceVersionOf, statusFromJson, statusFromProtobuf } from "./envelope.ts";
import { ApiFormatError, type ApiStatus } from "../errors.ts";
import type { Encoding } from "./media-types.ts";
import type { ObjectDecoder } from "./object-decoder.ts";

// Field numbers: WatchEvent of meta/v1/generated.proto and RawExtension of pkg/runtime/generated.proto (v0.35).
const WatchEvent = { TYPE: 1, OBJECT: 2 } as const;
const RawExtension = { RAW: 1 } as const;

/** As for objects in lists, plus the event around it. */
const MAX_EVENT_BYTES = 16 << 20;
/** A frame begins with its length, 4 bytes, big end first (k8s.io/apimachinery pkg/util/framer; seen in recordings). */
const FRAME_PREFIX_BYTES = 4;
const NEWLINE = 0x0a;

/** What a watch tells. */
export type WatchHappening<T> =
  /** `object` is undefined for one that can't be known by a uid. */
  | {
      readonly kind: "added" | "modified" | "deleted";
      readonly object: T | undefined;
      readonly resourceVersion: string;
    }
  | { readonly kind: "bookmark"; readonly resourceVersion: string }
  | { readonly kind: "error"; readonly status: ApiStatus }
  /** An event whose envelope can't be read; the next frame can. */
  | { readonly kind: "unreadable" };

/** Takes a watch's bytes as they come. Throws `ApiFormatError` when the framing is lost. */
export interface WatchParser {
  push(chunk: Uint8Array): void;
  /** No more bytes: throws when the stream ended inside an event. */
  end(): void;
}

/** Makes the parser for a watch in `encoding`. */
export function watchParser<T>(
  encoding: Encoding,
  decoder: ObjectDecoder<T>,
  on: (happening: WatchHappening<T>) => void,
): WatchParser {
  return encoding === "protobuf" ? new ProtobufWatchParser(decoder, on) : new JsonWatchParser(decoder, on);
}

class ProtobufWatchParser<T> implements WatchParser {
  readonly #decoder: ObjectDecoder<T>;
  readonly #on: (happening: WatchHappening<T>) => void;
  readonly #queue = new ByteQueue(MAX_EVENT_BYTES, "a watch event");
  readonly #reader = new Reader();

  constructor(decoder: ObjectDecoder<T>, on: (happening: WatchHappening<T>) => void) {
    this.#decoder = decoder;
    this.#on = on;
  }

  push(chunk: Uint8Array): void {
    const queue = this.#queue;
    queue.append(chunk);
    while (queue.length >= FRAME_PREFIX_BYTES) {
      const length = queue.bytes.readUInt32BE(queue.start);
      if (length > MAX_EVENT_BYTES) throw new ApiFormatError(`a watch event of ${length} bytes is not believable`);
      if (queue.length < FRAME_PREFIX_BYTES + length) return;
      const start = queue.start + FRAME_PREFIX_BYTES;
      this.#on(this.#event(queue.bytes, start, start + length));
      queue.start = start + length;
    }
  }

  end(): void {
    if (this.#queue.length > 0) throw new ApiFormatError("the watch ended inside an event");
  }

  #event(bytes: Buffer, start: number, end: number): WatchHappening<T> {
    const reader = this.#reader;
    let [type, objectStart, objectEnd] = ["", end, end];
    reader.reset(bytes, start, end);
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === WatchEvent.TYPE) type = reader.string();
      else if (reader.field === WatchEvent.OBJECT) [objectStart, objectEnd] = [reader.start, reader.end];
    }
    reader.reset(bytes, objectStart, objectEnd);
    while (reader.next()) {
      if (reader.field === RawExtension.RAW && reader.wireType === WireType.LEN) {
        [objectStart, objectEnd] = [reader.start, reader.end];
      }
    }
    const envelope = openEnvelope(bytes, objectStart, objectEnd);
    if (!envelope) return { kind: "unreadable" };
    if (type === "ERROR") return { kind: "error", status: statusFromProtobuf(bytes, envelope.start, envelope.end) };
    const resourceVersion = resourceVersionOf(bytes, envelope.start, envelope.end);
    if (type === "BOOKMARK") return { kind: "bookmark", resourceVersion };
    const kind = kindOf(type);
    if (!kind) return { kind: "unreadable" };
    return { kind, object: this.#decoder.fromProtobuf(bytes, envelope.start, envelope.end), resourceVersion };
  }
}

/** Events as JSON objects, one a line. */
class JsonWatchParser<T> implements WatchParser {
  readonly #decoder: ObjectDecoder<T>;
  readonly #on: (happening: WatchHappening<T>) => void;
  readonly #queue = new ByteQueue(MAX_EVENT_BYTES, "a watch event");
  /** Bytes of the queue that were searched for the end of the line already. */
  #searched = 0;

  constructor(decoder: ObjectDecoder<T>, on: (happening: WatchHappening<T>) => void) {
    this.#decoder = decoder;
    this.#on = on;
  }

  push(chunk: Uint8Array): void {
    const queue = this.#queue;
    queue.append(chunk);
    for (;;) {
      const at = queue.bytes.subarray(0, queue.end).indexOf(NEWLINE, queue.start + this.#searched);
      if (at < 0) {
        this.#searched = queue.length;
        return;
      }
      const line = queue.bytes.toString("utf8", queue.start, at);
      queue.start = at + 1;
      this.#searched = 0;
      if (line.trim() !== "") this.#on(this.#event(line));
    }
  }

  end(): void {
    if (this.#queue.length > 0) throw new ApiFormatError("the watch ended inside an event");
  }

  #event(line: string): WatchHappening<T> {
    let event: Readonly<Record<string, unknown>>;
    try {
      event = asObject(JSON.parse(line));
    } catch {
      return { kind: "unreadable" };
    }
    const object = event["object"];
    if (event["type"] === "ERROR") return { kind: "error", status: statusFromJson(object) };
    const version = asObject(asObject(object)["metadata"])["resourceVersion"];
    const resourceVersion = typeof version === "string" ? version : "";
    if (event["type"] === "BOOKMARK") return { kind: "bookmark", resourceVersion };
    const kind = kindOf(event["type"]);
    if (!kind) return { kind: "unreadable" };
    return { kind, object: this.#decoder.fromJson(object), resourceVersion };
  }
}

function kindOf(type: unknown): "added" | "modified" | "deleted" | undefined {
  if (type === "ADDED") return "added";
  if (type === "MODIFIED") return "modified";
  return type === "DELETED" ? "deleted" : undefined;
}
