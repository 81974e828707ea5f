import { Reader, WireType } from "#wire";
import { asObject } from "./envelope.ts";
import { JsonValues } from "./json-values.ts";
import { KeptKeys } from "./kept-keys.ts";
import { emptyMetadata, type MetadataDraft, shareMetadata } from "./metadata-draft.ts";
import { readJsonMetadata } from "./metadata-json.ts";
import { MetadataProtobufReader } from "./metadata-protobuf.ts";
import type { ObjectDecoder } from "./object-decoder.ts";
import type { KeyFilter, MetadataObject, ObjectKind } from "../objects.ts";
import { StringTable } from "./string-table.ts";

/** Field of the ObjectMeta in every object of the API, PartialObjectMetadata included. */
const METADATA = 1;

/**
 * Decodes the metadata of objects of one kind, whole ones and those of which the server sent nothing else
 * (PartialObjectMetadata), keeping only the labels and annotations that `keys` wants.
 */
export class MetadataDecoder implements ObjectDecoder<MetadataObject> {
  readonly kind: ObjectKind;
  malformed = false;
  readonly #keys: KeptKeys;
  readonly #values: JsonValues;
  readonly #metadata: MetadataProtobufReader;
  readonly #reader = new Reader();
  #previous: MetadataDraft | undefined;

  constructor(kind: ObjectKind, keys: KeyFilter) {
    const strings = new StringTable();
    this.kind = kind;
    this.#keys = new KeptKeys(keys);
    this.#values = new JsonValues(strings);
    this.#metadata = new MetadataProtobufReader(this.#keys, strings);
  }

  fromProtobuf(bytes: Buffer, start: number, end: number): MetadataObject | undefined {
    const draft = emptyMetadata();
    const reader = this.#reader;
    this.#metadata.malformed = false;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      if (reader.field === METADATA && reader.wireType === WireType.LEN) {
        this.#metadata.read(bytes, reader.start, reader.end, draft);
      }
    }
    return this.#finished(draft, reader.failed || this.#metadata.malformed);
  }

  fromJson(value: unknown): MetadataObject | undefined {
    const draft = emptyMetadata();
    this.#values.malformed = false;
    readJsonMetadata(this.#values.object(asObject(value)["metadata"]), this.#values, this.#keys, draft);
    return this.#finished(draft, this.#values.malformed);
  }

  #finished(draft: MetadataDraft, malformed: boolean): MetadataObject | undefined {
    this.malformed = malformed || draft.uid === "";
    if (draft.uid === "") return undefined;
    shareMetadata(draft, this.#previous);
    this.#previous = draft;
    const { uid, name, namespace, labels, annotations } = draft;
    const controller = draft.owners.find((owner) => owner.controller);
    return { kind: this.kind, uid, name, namespace, labels, annotations, controller };
  }
}
