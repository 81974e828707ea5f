/** Samples of one series as columns, in the order they came. */
export class SampleRows {
  /** Milliseconds. */
  time = new Float64Array(16);
  /** Leaf of the stack. */
  node = new Uint32Array(16);
  /** As stored: counts are not yet multiplied by their period. */
  value = new Float64Array(16);
  /** Position in the store's list of links; 0 is none. */
  link = new Uint32Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(time: number, node: number, value: number, link: number): void {
    const at = this.#length++;
    if (at === this.time.length) this.#grow(at * 2);
    this.time[at] = time;
    this.node[at] = node;
    this.value[at] = value;
    this.link[at] = link;
  }

  #grow(capacity: number): void {
    const { time, node, value, link } = this;
    (this.time = new Float64Array(capacity)).set(time);
    (this.node = new Uint32Array(capacity)).set(node);
    (this.value = new Float64Array(capacity)).set(value);
    (this.link = new Uint32Array(capacity)).set(link);
  }
}
