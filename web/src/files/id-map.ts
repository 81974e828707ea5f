/** Ids below this are kept in an array: what writers number from 1. */
const DENSE = 32 << 20;

/** Positions by id, which are dense nearly always. -1 stands for an id that is not there. */
export class IdMap {
  #dense = new Int32Array(1024);
  readonly #sparse = new Map<number, number>();

  set(id: number, position: number): void {
    if (id >= DENSE) {
      this.#sparse.set(id, position);
      return;
    }
    if (id >= this.#dense.length) {
      const larger = new Int32Array(Math.min(DENSE, Math.max(id + 1, this.#dense.length * 2)));
      larger.set(this.#dense);
      this.#dense = larger;
    }
    this.#dense[id] = position + 1;
  }

  get(id: number): number {
    return id < DENSE ? (this.#dense[id] ?? 0) - 1 : (this.#sparse.get(id) ?? -1);
  }
}
