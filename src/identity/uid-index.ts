import { POD_UID_WORDS, readUidKey } from "./hex-key.ts";
import type { PodRecord } from "./records.ts";
import { WordTable } from "./word-table.ts";

/** A UUID has 36; longer texts are nobody's. */
const LONGEST_UID_BYTES = 256;

/** Pods by uid. A look-up of a UUID, or of the 32 bare digits of a static pod, allocates nothing. */
export class UidIndex {
  readonly #table = new WordTable<PodRecord>(POD_UID_WORDS);
  /** Uids of any other form by their text. */
  readonly #others = new Map<string, PodRecord>();
  readonly #key = new Uint32Array(POD_UID_WORDS);
  readonly #scratch = new Uint8Array(LONGEST_UID_BYTES);
  readonly #encoder = new TextEncoder();

  /** The pod with the uid in `bytes[start, end)`. */
  find(bytes: Uint8Array, start: number, end: number): PodRecord | undefined {
    if (readUidKey(bytes, start, end, this.#key)) return this.#table.get(this.#key);
    if (this.#others.size === 0) return undefined;
    return this.#others.get(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString());
  }

  findText(uid: string): PodRecord | undefined {
    return this.#read(uid) ? this.#table.get(this.#key) : this.#others.get(uid);
  }

  set(uid: string, record: PodRecord): void {
    if (this.#read(uid)) this.#table.set(this.#key, record);
    else this.#others.set(uid, record);
  }

  delete(uid: string): void {
    if (this.#read(uid)) this.#table.delete(this.#key);
    else this.#others.delete(uid);
  }

  #read(uid: string): boolean {
    const { read, written } = this.#encoder.encodeInto(uid, this.#scratch);
    return read === uid.length && readUidKey(this.#scratch, 0, written, this.#key);
  }
}
