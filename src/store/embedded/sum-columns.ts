/** Values by group and node, growing; equal keys may stand there more than once. */
export class SumColumns {
  #group = new Uint32Array(1024);
  #node = new Uint32Array(1024);
  #value = new Float64Array(1024);
  #length = 0;
  /** Most questions have one group, 0: memory that nobody wrote to has that, and takes no room. */
  #hasGroups = false;

  get length(): number {
    return this.#length;
  }

  get group(): Uint32Array {
    return this.#group.subarray(0, this.#length);
  }

  get node(): Uint32Array {
    return this.#node.subarray(0, this.#length);
  }

  get value(): Float64Array {
    return this.#value.subarray(0, this.#length);
  }

  push(group: number, node: number, value: number): void {
    if (this.#length === this.#node.length) this.#grow(this.#length + 1);
    const at = this.#length++;
    if (group !== 0) this.#setGroup(group, at, at + 1);
    this.#node[at] = node;
    this.#value[at] = value;
  }

  /** Appends columns of one group, values times `factor`. */
  pushColumns(group: number, nodes: Uint32Array, values: ArrayLike<number>, length: number, factor: number): void {
    if (this.#length + length > this.#node.length) this.#grow(this.#length + length);
    const start = this.#length;
    if (group !== 0) this.#setGroup(group, start, start + length);
    this.#node.set(nodes.length === length ? nodes : nodes.subarray(0, length), start);
    const to = this.#value;
    for (let at = 0; at < length; at++) to[start + at] = values[at]! * factor;
    this.#length += length;
  }

  #setGroup(group: number, start: number, end: number): void {
    this.#hasGroups = true;
    this.#group.fill(group, start, end);
  }

  /** Four times as large: what isn't written to takes no room. */
  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#node.length * 4);
    const [group, node, value] = [this.#group, this.#node, this.#value];
    this.#group = new Uint32Array(capacity);
    if (this.#hasGroups) this.#group.set(group);
    (this.#node = new Uint32Array(capacity)).set(node);
    (this.#value = new Float64Array(capacity)).set(value);
    // Freed now: the garbage collector may come by much later.
    for (const { buffer } of [group, node, value]) buffer.transfer(0);
  }
}

/** Adds values up by group and node. */
export class SumTable {
  #group = new Uint32Array(1024);
  #node = new Uint32Array(1024);
  #value = new Float64Array(1024);
  #length = 0;
  /** Position + 1 of the entry; 0 is free. */
  #slots = new Uint32Array(2048);

  get length(): number {
    return this.#length;
  }

  add(group: number, node: number, value: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(group, node) & mask;
    for (let entry = this.#slots[slot]!; entry !== 0; entry = this.#slots[slot]!) {
      if (this.#node[entry - 1] === node && this.#group[entry - 1] === group) {
        this.#value[entry - 1]! += value;
        return;
      }
      slot = (slot + 1) & mask;
    }
    if (this.#length === this.#node.length) return this.#grow(group, node, value);
    const at = this.#length++;
    this.#group[at] = group;
    this.#node[at] = node;
    this.#value[at] = value;
    this.#slots[slot] = at + 1;
  }

  /** Appends what was added up. */
  to(columns: SumColumns): void {
    for (let at = 0; at < this.#length; at++) columns.push(this.#group[at]!, this.#node[at]!, this.#value[at]!);
  }

  #grow(group: number, node: number, value: number): void {
    const [groups, nodes, values] = [this.#group, this.#node, this.#value];
    const capacity = nodes.length * 2;
    (this.#group = new Uint32Array(capacity)).set(groups);
    (this.#node = new Uint32Array(capacity)).set(nodes);
    (this.#value = new Float64Array(capacity)).set(values);
    this.#slots = new Uint32Array(capacity * 2);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.#length; entry++) {
      let slot = hash(groups[entry]!, nodes[entry]!) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry + 1;
    }
    this.add(group, node, value);
  }
}

function hash(group: number, node: number): number {
  let mixed = Math.imul(node ^ Math.imul(group, 0x9e3779b1), 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
  return mixed ^ (mixed >>> 13);
}
