import { decodeText, Reader } from "#wire";

/** ExportProfilesServiceRequest.dictionary and ProfilesDictionary.string_table (layouts D7 and later). */
const DICTIONARY = 2;
const STRING_TABLE = 5;

/** Entries that are indexed at most: 4 million strings are 32 MiB of positions, and far above any real dictionary. */
const MAX_STRINGS = 4 << 20;
/** What the index keeps for the next request (as many strings: 2 MiB); one huge request must not pin its size. */
const KEPT_STRINGS = 256 << 10;

/**
 * The string table of a profiles request, found in place. Nothing is read until a reference is looked up, and then
 * only as far as that reference; a dictionary that comes in several pieces counts as one, in order. Reused for all
 * requests.
 */
export class StringTable {
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #request = new Reader();
  readonly #dictionary = new Reader();
  /** Start and end of each string read so far. */
  #ranges = new Int32Array(0);
  #count = 0;
  #complete = true;
  #inDictionary = false;

  /** Bounds of the string found last by `locate`. */
  start = 0;
  end = 0;

  /** Turns to another request. `bytes` is the whole message. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#request.reset(bytes, 0, bytes.length);
    this.#count = 0;
    this.#complete = false;
    this.#inDictionary = false;
    if (this.#ranges.length > KEPT_STRINGS * 2) this.#ranges = new Int32Array(0);
  }

  /** Lets go of the request's bytes, so that an idle table keeps no buffer alive. */
  release(): void {
    this.reset(EMPTY);
  }

  /** Finds string `index` and sets `start` and `end`; false where the table is shorter, or broken before it. */
  locate(index: number): boolean {
    if (index < 0) return false;
    while (index >= this.#count) if (!this.#advance()) return false;
    this.start = this.#ranges[index * 2]!;
    this.end = this.#ranges[index * 2 + 1]!;
    return true;
  }

  /** String `index`; undefined where `locate` finds none. */
  text(index: number): string | undefined {
    return this.locate(index) ? decodeText(this.#bytes, this.start, this.end) : undefined;
  }

  /** Reads on to the next string. */
  #advance(): boolean {
    const dictionary = this.#dictionary;
    while (!this.#complete) {
      if (this.#inDictionary) {
        if (dictionary.nextOf(STRING_TABLE)) return this.#push(dictionary.start, dictionary.end);
        this.#inDictionary = false;
        if (dictionary.failed) break;
      }
      const request = this.#request;
      if (!request.nextOf(DICTIONARY)) break;
      dictionary.reset(this.#bytes, request.start, request.end);
      this.#inDictionary = true;
    }
    this.#complete = true;
    return false;
  }

  #push(start: number, end: number): boolean {
    if (this.#count === MAX_STRINGS) {
      this.#complete = true;
      return false;
    }
    const at = this.#count++ * 2;
    if (at >= this.#ranges.length) {
      const grown = new Int32Array(Math.max(1024, this.#ranges.length * 2));
      grown.set(this.#ranges);
      this.#ranges = grown;
    }
    this.#ranges[at] = start;
    this.#ranges[at + 1] = end;
    return true;
  }
}

const EMPTY = new Uint8Array(0);
