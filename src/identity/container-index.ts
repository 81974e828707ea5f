import { ContainerIdRange, locateContainerId, locateInPath } from "./container-id.ts";
import { CONTAINER_ID_WORDS, readContainerKey } from "./hex-key.ts";
import type { ContainerInstance } from "./records.ts";
import { WordTable } from "./word-table.ts";

/** Longer ids are nobody's; the kubelet's have 77 bytes with their scheme. */
const LONGEST_ID_BYTES = 1024;

/**
 * Container runs by id. The one place that knows in which spellings ids come, for what the API server says and for
 * what telemetry says alike. A look-up of an id of 64 hexadecimal digits, whatever is around it, allocates nothing.
 */
export class ContainerIndex {
  readonly #table = new WordTable<ContainerInstance>(CONTAINER_ID_WORDS);
  /** Ids of any other form by their text, in lower case where they are hexadecimal. */
  readonly #others = new Map<string, ContainerInstance>();
  readonly #key = new Uint32Array(CONTAINER_ID_WORDS);
  readonly #range = new ContainerIdRange();
  readonly #scratch = new Uint8Array(LONGEST_ID_BYTES);
  readonly #encoder = new TextEncoder();

  /** Number of ids. */
  get size(): number {
    return this.#table.size + this.#others.size;
  }

  /**
   * The run with the id in `bytes[start, end)`. Where ids nest, as in a cgroup path of a container in a container, the
   * innermost known one.
   */
  find(bytes: Uint8Array, start: number, end: number): ContainerInstance | undefined {
    // The bare form, which nearly everybody sends.
    if (end - start === 64 && readContainerKey(bytes, start, this.#key)) return this.#table.get(this.#key);
    const range = this.#range;
    for (
      let found = locateContainerId(bytes, start, end, range);
      found;
      found = range.outerEnd > 0 && locateInPath(bytes, start, range.outerEnd, range)
    ) {
      const instance = this.#at(bytes, range);
      if (instance !== undefined) return instance;
    }
    return undefined;
  }

  /** As `find`, for a text. */
  findText(id: string): ContainerInstance | undefined {
    const length = this.#encode(id);
    return length < 0 ? undefined : this.find(this.#scratch, 0, length);
  }

  /** Sets whose id this is; what held it before loses it. Ids that are none (empty, a path to nothing) are ignored. */
  set(id: string, instance: ContainerInstance): void {
    if (!this.#locate(id)) return;
    if (this.#readKey(this.#scratch, this.#range)) this.#table.set(this.#key, instance);
    else this.#others.set(textOf(this.#scratch, this.#range), instance);
  }

  /** Removes the id, if it is still that run's. */
  delete(id: string, instance: ContainerInstance): void {
    if (!this.#locate(id) || this.#at(this.#scratch, this.#range) !== instance) return;
    if (this.#readKey(this.#scratch, this.#range)) this.#table.delete(this.#key);
    else this.#others.delete(textOf(this.#scratch, this.#range));
  }

  #at(bytes: Uint8Array, range: ContainerIdRange): ContainerInstance | undefined {
    if (this.#readKey(bytes, range)) return this.#table.get(this.#key);
    return this.#others.size === 0 ? undefined : this.#others.get(textOf(bytes, range));
  }

  #readKey(bytes: Uint8Array, range: ContainerIdRange): boolean {
    return range.end - range.start === 64 && readContainerKey(bytes, range.start, this.#key);
  }

  #locate(id: string): boolean {
    const length = this.#encode(id);
    return length >= 0 && locateContainerId(this.#scratch, 0, length, this.#range);
  }

  /** Writes the text into the scratch array; -1 if it doesn't fit. */
  #encode(id: string): number {
    const { read, written } = this.#encoder.encodeInto(id, this.#scratch);
    return read < id.length ? -1 : written;
  }
}

function textOf(bytes: Uint8Array, range: ContainerIdRange): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + range.start, range.end - range.start).toString("latin1");
  return range.hex ? text.toLowerCase() : text;
}

/** The id inside any spelling of it, bare and in lower case where it is hexadecimal; undefined if there is none. */
export function bareContainerId(id: string): string | undefined {
  const bytes = Buffer.from(id);
  const range = new ContainerIdRange();
  return locateContainerId(bytes, 0, bytes.length, range) ? textOf(bytes, range) : undefined;
}
