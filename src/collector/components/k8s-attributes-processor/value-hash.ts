import { createHmac } from "node:crypto";
import type { Secret } from "#collector";

/** Hexadecimal digits of a hash: 128 bits, so that no two values meet. */
const DIGITS = 32;

/**
 * Stands in for values that must not leave the node, but have to be told apart: HMAC-SHA-256 (RFC 2104), so that nobody
 * without the key can try out likely values. The same key gives the same hashes on every node.
 */
export class ValueHash {
  readonly #key: Secret;

  constructor(key: Secret) {
    this.#key = key;
  }

  of(value: string): string {
    return createHmac("sha256", this.#key.reveal()).update(value).digest("hex").slice(0, DIGITS);
  }

  /** Tells keys apart in configurations that are compared as JSON, and doesn't give them away. */
  toJSON(): string {
    return this.of("");
  }
}
