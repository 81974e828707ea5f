import { KeptKeys } from "./kept-keys.ts";
import type { ObjectDecoder } from "./object-decoder.ts";
import { type KeyFilter, MIRROR_ANNOTATION, type PodObject } from "../objects.ts";
import { finished, type PodDraft } from "./pod-draft.ts";
import { PodJsonReader } from "./pod-json.ts";
import { PodProtobufReader } from "./pod-protobuf.ts";
import { StringTable } from "./string-table.ts";

/** Decodes pods, keeping only the labels and annotations that `keys` wants, and `MIRROR_ANNOTATION`. */
export class PodDecoder implements ObjectDecoder<PodObject> {
  readonly kind = "Pod";
  malformed = false;
  readonly #protobuf: PodProtobufReader;
  readonly #json: PodJsonReader;
  #previous: PodDraft | undefined;

  constructor(keys: KeyFilter) {
    const kept = new KeptKeys({
      label: (key) => keys.label(key),
      annotation: (key) => key === MIRROR_ANNOTATION || keys.annotation(key),
    });
    const strings = new StringTable();
    this.#protobuf = new PodProtobufReader(kept, strings);
    this.#json = new PodJsonReader(kept, strings);
  }

  fromProtobuf(bytes: Buffer, start: number, end: number): PodObject | undefined {
    return this.#checked(this.#protobuf.read(bytes, start, end), this.#protobuf.malformed);
  }

  fromJson(value: unknown): PodObject | undefined {
    return this.#checked(this.#json.read(value), this.#json.malformed);
  }

  #checked(pod: PodDraft, malformed: boolean): PodObject | undefined {
    this.malformed = malformed || pod.uid === "";
    if (pod.uid === "") return undefined;
    const previous = this.#previous;
    this.#previous = pod;
    return finished(pod, previous);
  }
}
