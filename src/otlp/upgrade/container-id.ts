import type { AttributeTable, Dictionary } from "../profiles/model.ts";
import { decodeValue } from "../attribute-value.ts";
import { StringTable } from "../string-table.ts";
import type { ReferenceResolver } from "./references.ts";

export const CONTAINER_ID = "container.id";

/**
 * A container id as the conventions spell it: without the runtime in front (`containerd://`) and without blanks
 * around; hexadecimal ones in lower case. Ids of different lengths stay different.
 */
export function normalContainerId(text: string): string {
  const id = text.trim().replace(/^[a-z][a-z0-9.+-]*:\/\//i, "");
  return /^[0-9a-f]{12,}$/i.test(id) ? id.toLowerCase() : id;
}

/** Which attributes of a dictionary are container ids, and of which container. */
export class ContainerAttributes {
  readonly #attributes: AttributeTable;
  /** 1 where the key is `container.id`. */
  readonly #is: Uint8Array;
  readonly #resolver: ReferenceResolver | undefined;
  readonly #ids = new Map<number, string | undefined>();
  /** Whether there is any. */
  readonly any: boolean;

  constructor({ attributes, strings }: Dictionary, resolver: ReferenceResolver | undefined) {
    this.#attributes = attributes;
    this.#resolver = resolver;
    this.#is = new Uint8Array(attributes.length);
    let any = false;
    for (let at = 0; at < attributes.length; at++) {
      const key = attributes.key[at]!;
      if (strings.size(key) !== CONTAINER_ID.length || strings.text(key) !== CONTAINER_ID) continue;
      this.#is[at] = 1;
      any = true;
    }
    this.any = any;
  }

  has(attribute: number): boolean {
    return this.#is[attribute] === 1;
  }

  /** The id; empty for none, undefined where the value is no text. */
  id(attribute: number): string | undefined {
    let id = this.#ids.get(attribute);
    if (id === undefined && !this.#ids.has(attribute)) {
      const encoded = this.#attributes.values.bytes(attribute);
      const literal = this.#resolver?.resolve(encoded, "anyValue") ?? encoded;
      const value = decodeValue(literal, 0, literal.length, NO_STRINGS);
      id = typeof value === "string" ? normalContainerId(value) : undefined;
      this.#ids.set(attribute, id);
    }
    return id;
  }
}

const NO_STRINGS = new StringTable();
