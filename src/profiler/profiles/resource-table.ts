import { encodeAttribute } from "#otlp";
import { Writer } from "#wire";

/** Attributes of a resource in the order in which they are written. Integers are `bigint`. */
export type ResourceAttributes = readonly (readonly [key: string, value: string | bigint])[];

/** Resources known at a time; more than a node runs containers and distinct executables. */
const MAX_RESOURCES = 4096;

/**
 * The resources that samples belong to, numbered by their attributes and encoded once. Numbers stay valid until `clear`.
 */
export class ResourceTable {
  readonly #ids = new Map<string, number>();
  readonly #encoded: Uint8Array[] = [];
  /** What each resource ends with: what is known of the machine. */
  readonly #host: Uint8Array;

  /** @param host attributes of every resource */
  constructor(host: ResourceAttributes) {
    this.#host = encode(host);
  }

  get size(): number {
    return this.#encoded.length;
  }

  get isFull(): boolean {
    return this.#encoded.length >= MAX_RESOURCES;
  }

  /** The number of the resource with these attributes. */
  intern(attributes: ResourceAttributes): number {
    // Zero bytes can't be in what the kernel or a variable of a process says.
    let key = "";
    for (const [name, value] of attributes) key += `${name}\0${value}\0`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#encoded.length;
      this.#ids.set(key, id);
      this.#encoded.push(encode(attributes));
    }
    return id;
  }

  /** Writes the content of the Resource message. */
  write(writer: Writer, id: number): void {
    writer.raw(this.#encoded[id]!);
    writer.raw(this.#host);
  }

  clear(): void {
    this.#ids.clear();
    this.#encoded.length = 0;
  }
}

function encode(attributes: ResourceAttributes): Uint8Array {
  const writer = new Writer();
  for (const [key, value] of attributes) writer.raw(encodeAttribute(key, value));
  return writer.finish();
}
