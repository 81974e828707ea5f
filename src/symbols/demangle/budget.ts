/** A mangled name that can't be read, or whose meaning is larger than we print. Caught inside this folder. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** One for all: nobody reads its stack, and capturing one for each hostile name would cost more than reading it. */
const UNREADABLE = new Unreadable("not a mangled name");

/** Ends the reading of a name. */
export function fail(): never {
  throw UNREADABLE;
}

/** Templates in templates; node's names reach 56. */
const MAX_DEPTH = 192;
/** Four times what the longest name of node takes. */
const MAX_STEPS = 20_000;

/**
 * Bounds the work on one name. A name of a few hundred bytes can describe terabytes, since its parts may refer to
 * earlier parts twice.
 */
export class Budget {
  #depth = 0;
  #steps = 0;

  /** Counts a step, and what is done in it as one level deeper. */
  within<T>(work: () => T): T {
    if (++this.#steps > MAX_STEPS || ++this.#depth > MAX_DEPTH) fail();
    const result = work();
    this.#depth--;
    return result;
  }
}
