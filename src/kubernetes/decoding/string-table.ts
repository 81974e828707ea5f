/** Slots at first; doubled when three quarters are taken. A power of two. */
const FIRST_SLOTS = 1024;
/** Entries after which the table starts over, so that it can't grow without end: 32,768 × 128 bytes = 4 MiB. */
const MAX_ENTRIES = 32_768;
/** Longer strings are seldom the same twice and are not kept here. */
const MAX_LENGTH = 128;

/**
 * Gives the same string object for the same bytes, without making a string where it knows one: pods repeat their
 * namespaces, nodes, images and label keys thousands of times. Only ASCII is kept, as names in Kubernetes are; other
 * text is decoded each time. Forgets everything when full; strings that were given out stay what they are.
 */
export class StringTable {
  #slots: (string | undefined)[] = new Array<string | undefined>(FIRST_SLOTS);
  #hashes = new Int32Array(FIRST_SLOTS);
  #entries = 0;

  /** How many strings it keeps. */
  get size(): number {
    return this.#entries;
  }

  /** The text of `bytes[start, end)`; invalid UTF-8 becomes U+FFFD. */
  intern(bytes: Buffer, start: number, end: number): string {
    if (start === end) return "";
    if (end - start > MAX_LENGTH) return bytes.toString("utf8", start, end);
    // FNV-1a, 32 bits.
    let hash = 0x811c9dc5 | 0;
    let seen = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      seen |= byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    if (seen >= 0x80) return bytes.toString("utf8", start, end);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let known = this.#slots[slot]; known !== undefined; known = this.#slots[slot]) {
      if (this.#hashes[slot] === hash && equal(known, bytes, start, end)) return known;
      slot = (slot + 1) & mask;
    }
    const text = bytes.toString("latin1", start, end);
    this.#slots[slot] = text;
    this.#hashes[slot] = hash;
    if (++this.#entries * 4 > this.#slots.length * 3) this.#grow();
    return text;
  }

  /** The same for text that is there already, so that objects decoded from JSON share strings too. */
  internText(text: string): string {
    if (text.length === 0 || text.length > MAX_LENGTH) return text;
    const bytes = Buffer.from(text);
    return this.intern(bytes, 0, bytes.length);
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    const startOver = this.#entries >= MAX_ENTRIES;
    const size = startOver ? FIRST_SLOTS : slots.length * 2;
    this.#slots = new Array<string | undefined>(size);
    this.#hashes = new Int32Array(size);
    if (startOver) {
      this.#entries = 0;
      return;
    }
    for (let from = 0; from < slots.length; from++) {
      if (slots[from] === undefined) continue;
      const hash = hashes[from]!;
      let slot = (hash ^ (hash >>> 15)) & (size - 1);
      while (this.#slots[slot] !== undefined) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = slots[from];
      this.#hashes[slot] = hash;
    }
  }
}

function equal(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let at = start; at < end; at++) if (text.charCodeAt(at - start) !== bytes[at]) return false;
  return true;
}
