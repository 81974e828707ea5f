import { Reader, WireType } from "#wire";
import type { KeptKeys } from "./kept-keys.ts";
import { addOwner, type MetadataDraft, setAnnotation, setLabel } from "./metadata-draft.ts";
import type { StringTable } from "./string-table.ts";

// Field numbers: k8s.io/apimachinery meta/v1/generated.proto (v0.35).
const Meta = {
  NAME: 1,
  NAMESPACE: 3,
  UID: 5,
  CREATED: 8,
  DELETED: 9,
  LABELS: 11,
  ANNOTATIONS: 12,
  OWNERS: 13,
} as const;
const Owner = { KIND: 1, NAME: 3, UID: 4, CONTROLLER: 6 } as const;
const MapEntry = { KEY: 1, VALUE: 2 } as const;
const Time = { SECONDS: 1, NANOS: 2 } as const;

/** Reads a meta/v1 ObjectMeta, in place. A message that is broken is read up to the break. */
export class MetadataProtobufReader {
  /** Whether something since the last time this was set to false was broken. */
  malformed = false;
  readonly #keys: KeptKeys;
  readonly #strings: StringTable;
  readonly #metadata = new Reader();
  readonly #entry = new Reader();
  /** The entry of a map of strings that was read last. */
  readonly #pair = { key: "", valueStart: 0, valueEnd: 0 };
  #bytes: Buffer = Buffer.alloc(0);

  constructor(keys: KeptKeys, strings: StringTable) {
    this.#keys = keys;
    this.#strings = strings;
  }

  /** Reads the ObjectMeta at `bytes[start, end)` into `draft`. */
  read(bytes: Buffer, start: number, end: number, draft: MetadataDraft): void {
    this.#bytes = bytes;
    const reader = this.#metadata;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      switch (reader.field) {
        case Meta.NAME:
          draft.name = this.#text(reader);
          break;
        case Meta.NAMESPACE:
          draft.namespace = this.#shared(reader);
          break;
        case Meta.UID:
          draft.uid = this.#text(reader);
          break;
        case Meta.CREATED:
          draft.createdMs = this.time(bytes, reader.start, reader.end);
          break;
        case Meta.DELETED:
          draft.deletedMs = this.time(bytes, reader.start, reader.end);
          break;
        case Meta.LABELS:
          this.#label(draft, reader);
          break;
        case Meta.ANNOTATIONS:
          this.#annotation(draft, reader);
          break;
        case Meta.OWNERS:
          this.#owner(draft, reader);
          break;
      }
    }
    this.#finish(reader);
  }

  /** A meta/v1 Time at `bytes[start, end)` in milliseconds since the epoch; an absent one is an empty message. */
  time(bytes: Buffer, start: number, end: number): number {
    const reader = this.#entry;
    reader.reset(bytes, start, end);
    let [seconds, nanos] = [0, 0];
    while (reader.next()) {
      if (reader.wireType !== WireType.VARINT) continue;
      if (reader.field === Time.SECONDS) seconds = reader.int();
      else if (reader.field === Time.NANOS) nanos = reader.int();
    }
    this.#finish(reader);
    return seconds * 1000 + Math.floor(nanos / 1e6);
  }

  #label(draft: MetadataDraft, outer: Reader): void {
    const { key, valueStart, valueEnd } = this.#mapEntry(outer);
    if (this.#keys.label(key)) setLabel(draft, key, this.#strings.intern(this.#bytes, valueStart, valueEnd));
  }

  #annotation(draft: MetadataDraft, outer: Reader): void {
    const { key, valueStart, valueEnd } = this.#mapEntry(outer);
    if (this.#keys.annotation(key)) setAnnotation(draft, key, this.#strings.intern(this.#bytes, valueStart, valueEnd));
  }

  /** Reads an entry of a map of strings. The same record each time, so it is used up before the next. */
  #mapEntry(outer: Reader): { readonly key: string; readonly valueStart: number; readonly valueEnd: number } {
    const reader = this.#into(outer);
    const pair = this.#pair;
    pair.key = "";
    pair.valueStart = pair.valueEnd = 0;
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === MapEntry.KEY) pair.key = this.#shared(reader);
      else if (reader.field === MapEntry.VALUE) {
        pair.valueStart = reader.start;
        pair.valueEnd = reader.end;
      }
    }
    this.#finish(reader);
    return pair;
  }

  #owner(draft: MetadataDraft, outer: Reader): void {
    const reader = this.#into(outer);
    let [kind, name, uid, controller] = ["", "", "", false];
    while (reader.next()) {
      if (reader.wireType === WireType.LEN) {
        if (reader.field === Owner.KIND) kind = this.#shared(reader);
        else if (reader.field === Owner.NAME) name = this.#shared(reader);
        else if (reader.field === Owner.UID) uid = this.#shared(reader);
      } else if (reader.field === Owner.CONTROLLER && reader.wireType === WireType.VARINT) {
        controller = reader.uint() !== 0;
      }
    }
    this.#finish(reader);
    addOwner(draft, { kind, name, uid, controller });
  }

  #into(outer: Reader): Reader {
    this.#entry.reset(this.#bytes, outer.start, outer.end);
    return this.#entry;
  }

  #finish(reader: Reader): void {
    if (reader.failed) this.malformed = true;
  }

  /** Text that other objects are likely to have too. */
  #shared(reader: Reader): string {
    return this.#strings.intern(this.#bytes, reader.start, reader.end);
  }

  #text(reader: Reader): string {
    return this.#bytes.toString("utf8", reader.start, reader.end);
  }
}
