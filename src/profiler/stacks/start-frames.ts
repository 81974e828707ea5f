/** Frames of start code: the C library's two or three around `main`, or what starts a thread. */
export const MAX_START_FRAMES = 4;
/** Places from which a program's threads begin. */
const MAX_PLACES = 64;

/**
 * With which frames the threads of a process begin. Walks along frame pointers end where those are missing, in the start
 * code; what lies outside of it is the same whenever a thread returns there, and one unwound stack tells it.
 */
export class StartFrames {
  readonly #places = new Map<number, Float64Array>();

  /** Remembers the addresses outside of `last`, the outermost that frame pointers tell. */
  learn(last: number, addresses: Float64Array): void {
    if (addresses.length === 0 || this.#places.has(last) || this.#places.size >= MAX_PLACES) return;
    this.#places.set(last, addresses.slice());
  }

  /** The addresses outside of `last`; undefined if there are none, or none are known. */
  after(last: number): Float64Array | undefined {
    return this.#places.get(last);
  }
}
