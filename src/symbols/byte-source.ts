/**
 * Bytes read by position: a file of a container, a piece of memory, a test's array. Symbol tables are read through it
 * in pieces, so that nothing has to fit in memory and nobody here opens a path.
 */
export interface ByteSource {
  /** Size when it was opened. A source may shrink afterwards: then reads come up short. */
  readonly sizeBytes: number;
  /**
   * Fills `target` from `position` on.
   *
   * @returns bytes read; fewer than asked for at the end, 0 beyond it or when reading failed
   */
  read(target: Uint8Array, position: number): number;
}

/** Bytes that are in memory already. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read(target, position) {
      const piece = bytes.subarray(position, position + target.length);
      target.set(piece);
      return piece.length;
    },
  };
}
