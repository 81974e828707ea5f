/**
 * Memory of another process, by address. It changes while it is read and may vanish at any time: what comes back is
 * checked, never trusted. Whoever implements it caches blocks within a flush, for one object is read in several steps.
 */
export interface RemoteMemory {
  /**
   * Fills `target` from `address` on.
   *
   * @param address below 2^47, so that a double holds it exactly
   * @returns bytes read; fewer than asked for where the memory ends or cannot be read
   */
  read(target: Uint8Array, address: number): number;
}
