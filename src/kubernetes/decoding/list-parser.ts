import { Reader, WireType } from "#wire";
import { ByteQueue } from "./byte-queue.ts";
import { asObject, MAGIC, Unknown } from "./envelope.ts";
import { ApiFormatError } from "../errors.ts";
import type { Encoding } from "./media-types.ts";
import type { ObjectDecoder } from "./object-decoder.ts";

// Field numbers: every XList of k8s.io/api, and ListMeta of meta/v1/generated.proto (v0.35).
const List = { METADATA: 1, ITEMS: 2 } as const;
const ListMeta = { RESOURCE_VERSION: 2, CONTINUE: 3 } as const;

/** etcd takes objects of 1.5 MiB, the server requests of 3 MiB; a status may come on top. */
const MAX_OBJECT_BYTES = 16 << 20;
/** A page as JSON is parsed whole. */
const MAX_JSON_PAGE_BYTES = 256 << 20;
const MAX_VARINT_BYTES = 10;

/** What a page says of the whole list. */
export interface ListMetadata {
  readonly resourceVersion: string;
  /** Token for the next page; empty on the last one. */
  readonly continueToken: string;
}

/** Takes one page of a list as its bytes come. Throws `ApiFormatError` for what is no list. */
export interface ListParser {
  /** The next bytes. Calls back for each object that is complete. */
  push(chunk: Uint8Array): void;
  /** No more bytes. */
  end(): ListMetadata;
}

/** What a list's objects are handed to; `object` is undefined for one that can't be known by a uid. */
export type ItemHandler<T> = (object: T | undefined) => void;

/** Makes the parser for a page in `encoding`. */
export function listParser<T>(encoding: Encoding, decoder: ObjectDecoder<T>, onItem: ItemHandler<T>): ListParser {
  return encoding === "protobuf"
    ? new ProtobufListParser(decoder, onItem)
    : new JsonListParser((value) => onItem(decoder.fromJson(value)), decoder.kind);
}

/**
 * Reads objects out of a protobuf list one by one while it arrives, so that memory holds one object's bytes, however
 * long the page: magic, runtime.Unknown, and in its `raw` the XList, whose fields are taken as they complete.
 */
class ProtobufListParser<T> implements ListParser {
  readonly #decoder: ObjectDecoder<T>;
  readonly #onItem: ItemHandler<T>;
  readonly #queue = new ByteQueue(MAX_OBJECT_BYTES, "an object of the list");
  readonly #reader = new Reader();
  #stage: "magic" | "envelope" | "list" = "magic";
  /** Bytes of `raw` that are still to come while in it. */
  #rawLeft = 0;
  #metadata: ListMetadata | undefined;

  constructor(decoder: ObjectDecoder<T>, onItem: ItemHandler<T>) {
    this.#decoder = decoder;
    this.#onItem = onItem;
  }

  push(chunk: Uint8Array): void {
    this.#queue.append(chunk);
    while (this.#step());
  }

  end(): ListMetadata {
    if (this.#queue.length > 0 || this.#stage !== "envelope") throw new ApiFormatError("the list is cut off");
    return this.#metadata ?? { resourceVersion: "", continueToken: "" };
  }

  /** Takes one thing off the queue; false when it isn't there in full yet. */
  #step(): boolean {
    if (this.#stage === "magic") return this.#magic();
    if (this.#stage === "list" && this.#rawLeft === 0) this.#stage = "envelope";
    const { bytes, start, end } = this.#queue;
    const valueStart = this.#prefixEnd(bytes, start, end);
    if (valueStart < 0) return false;
    const [field, length] = [this.#field, this.#length];
    if (this.#stage === "envelope" && field === Unknown.RAW) {
      this.#queue.start = valueStart;
      this.#rawLeft = length;
      this.#stage = "list";
      return true;
    }
    if (end - valueStart < length) return false;
    if (this.#stage === "list") {
      this.#rawLeft -= valueStart + length - start;
      if (this.#rawLeft < 0) throw new ApiFormatError("the list is longer than its envelope");
      this.#listField(field, bytes, valueStart, valueStart + length);
    }
    this.#queue.start = valueStart + length;
    return true;
  }

  #magic(): boolean {
    const { bytes, start } = this.#queue;
    if (this.#queue.length < MAGIC.length) return false;
    if (bytes.compare(MAGIC, 0, MAGIC.length, start, start + MAGIC.length) !== 0) {
      throw new ApiFormatError("the list is not Kubernetes protobuf");
    }
    this.#queue.start += MAGIC.length;
    this.#stage = "envelope";
    return true;
  }

  #field = 0;
  #length = 0;

  /** Reads tag and length of the field at `start`; where its value begins, or -1 when more bytes are needed. */
  #prefixEnd(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (const part of ["tag", "length"] as const) {
      let [value, scale] = [0, 1];
      for (let read = 0; ; read++) {
        if (at === end) return -1;
        if (read === MAX_VARINT_BYTES) throw new ApiFormatError("the list holds a number that is too long");
        const byte = bytes[at++]!;
        value += (byte & 0x7f) * scale;
        scale *= 128;
        if (byte < 0x80) break;
      }
      if (part === "length") {
        this.#length = value;
        continue;
      }
      // Lists and their envelopes hold nothing but messages and bytes.
      if ((value & 7) !== WireType.LEN) throw new ApiFormatError(`the list holds a field of wire type ${value & 7}`);
      this.#field = value >>> 3;
    }
    return at;
  }

  #listField(field: number, bytes: Buffer, start: number, end: number): void {
    if (field === List.ITEMS) this.#onItem(this.#decoder.fromProtobuf(bytes, start, end));
    else if (field === List.METADATA) {
      let [resourceVersion, continueToken] = ["", ""];
      const reader = this.#reader;
      reader.reset(bytes, start, end);
      while (reader.next()) {
        if (reader.wireType !== WireType.LEN) continue;
        if (reader.field === ListMeta.RESOURCE_VERSION) resourceVersion = reader.string();
        else if (reader.field === ListMeta.CONTINUE) continueToken = reader.string();
      }
      if (reader.failed) throw new ApiFormatError(`the list's metadata is broken: ${reader.error().message}`);
      this.#metadata = { resourceVersion, continueToken };
    }
  }
}

/** Parses a page of a JSON list when it is there in full: the fallback for servers without protobuf, and files. */
export class JsonListParser implements ListParser {
  readonly #onItem: (value: unknown) => void;
  readonly #kind: string;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(onItem: (value: unknown) => void, kind: string) {
    this.#onItem = onItem;
    this.#kind = kind;
  }

  push(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > MAX_JSON_PAGE_BYTES) {
      throw new ApiFormatError(`the list is longer than ${MAX_JSON_PAGE_BYTES} bytes`);
    }
    this.#chunks.push(chunk);
  }

  end(): ListMetadata {
    let list: Readonly<Record<string, unknown>>;
    try {
      list = asObject(JSON.parse(Buffer.concat(this.#chunks).toString()));
    } catch (cause) {
      throw new ApiFormatError("the list is not JSON, or cut off", { cause });
    }
    // kubectl writes `List`, the API server `PodList`, or this where only metadata was asked for.
    const kinds: unknown[] = ["List", `${this.#kind}List`, "PartialObjectMetadataList"];
    if (!Array.isArray(list["items"]) || !kinds.includes(list["kind"])) {
      throw new ApiFormatError(`expected a ${this.#kind}List, got ${JSON.stringify(list["kind"]) ?? "no kind"}`);
    }
    for (const item of list["items"] as unknown[]) this.#onItem(item);
    const { resourceVersion, continue: next } = asObject(list["metadata"]);
    return {
      resourceVersion: typeof resourceVersion === "string" ? resourceVersion : "",
      continueToken: typeof next === "string" ? next : "",
    };
  }
}
