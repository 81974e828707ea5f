import { Int32Column, Int64Column, ListColumn, Uint8Column } from "./columns.ts";
import { hashStart, hashStep } from "./intern-index.ts";
import type { LocationTable } from "./model.ts";
import {
  TableColumns,
  clear64,
  clearFirstList,
  copy64,
  copyList,
  hashList,
  isZero64,
  popList,
  same64,
  sameList,
} from "./table-columns.ts";

/** `LocationTable` with its lines while it grows. */
export class LocationColumns extends TableColumns {
  readonly mapping = new Int32Column();
  readonly address = new Int64Column();
  readonly attributes = new ListColumn();
  readonly folded = new Uint8Column();
  readonly frameType = new Int32Column();
  readonly lineOffsets = new Int32Column();
  readonly lineFunction = new Int32Column();
  readonly lineLine = new Int64Column();
  readonly lineColumn = new Int64Column();

  constructor() {
    super();
    this.lineOffsets.push(0);
  }

  get length(): number {
    return this.mapping.length;
  }

  /** Lines and attributes are to be pushed before: this closes their lists. */
  push(mapping: number, addressLow: number, addressHigh: number, folded: number, frameType: number): void {
    this.mapping.push(mapping);
    this.address.push(addressLow, addressHigh);
    this.folded.push(folded);
    this.frameType.push(frameType);
    this.attributes.close();
    this.lineOffsets.push(this.lineFunction.length);
  }

  get memoryBytes(): number {
    const { mapping, address, attributes, folded, frameType, lineOffsets, lineFunction, lineLine, lineColumn } = this;
    const columns = [mapping, address, attributes, folded, frameType, lineOffsets, lineFunction, lineLine, lineColumn];
    return columns.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  reset(): void {
    this.mapping.length = this.address.length = this.folded.length = this.frameType.length = 0;
    this.lineFunction.length = this.lineLine.length = this.lineColumn.length = 0;
    this.lineOffsets.length = 0;
    this.lineOffsets.push(0);
    this.attributes.reset();
    this.unknown.clear();
  }

  seed(): void {
    this.push(0, 0, 0, 0, 0);
  }

  hash(index: number): number {
    let hash = hashStep(hashStart(), this.mapping.values[index]!);
    hash = hashStep(hash, this.address.halves[index * 2]!);
    hash = hashStep(hash, this.address.halves[index * 2 + 1]!);
    hash = hashStep(hash, this.frameType.values[index]!);
    const end = this.lineOffsets.values[index + 1]!;
    for (let at = this.lineOffsets.values[index]!; at < end; at++) {
      hash = hashStep(hash, this.lineFunction.values[at]!);
      hash = hashStep(hash, this.lineLine.halves[at * 2]!);
    }
    return hashList(hash, this.attributes, index);
  }

  same(a: number, b: number): boolean {
    return (
      this.mapping.values[a] === this.mapping.values[b] &&
      same64(this.address, a, b) &&
      this.folded.values[a] === this.folded.values[b] &&
      this.frameType.values[a] === this.frameType.values[b] &&
      sameList(this.attributes, a, b) &&
      this.#sameLines(a, b)
    );
  }

  pop(): void {
    this.mapping.length--;
    this.address.length--;
    this.folded.length--;
    this.frameType.length--;
    popList(this.attributes);
    this.lineOffsets.length--;
    const lines = this.lineOffsets.values[this.lineOffsets.length - 1]!;
    this.lineFunction.length = this.lineLine.length = this.lineColumn.length = lines;
  }

  copy(index: number): void {
    const end = this.lineOffsets.values[index + 1]!;
    for (let at = this.lineOffsets.values[index]!; at < end; at++) {
      this.lineFunction.push(this.lineFunction.values[at]!);
      copy64(this.lineLine, at);
      copy64(this.lineColumn, at);
    }
    copyList(this.attributes, index);
    const { halves } = this.address;
    const [low, high] = [halves[index * 2]!, halves[index * 2 + 1]!];
    this.push(this.mapping.values[index]!, low, high, this.folded.values[index]!, this.frameType.values[index]!);
  }

  clear(index: number): void {
    this.mapping.values[index] = this.folded.values[index] = this.frameType.values[index] = 0;
    clear64(this.address, index);
    clearFirstList(this.attributes, index);
    if (index === 0) this.lineOffsets.values[0] = this.lineOffsets.values[1]!;
  }

  /** Whether an entry says nothing at all. A mapping that was not written (a negative one) is none. */
  isNull(index: number): boolean {
    const attributes = this.attributes.offsets.values;
    const lines = this.lineOffsets.values;
    return (
      this.mapping.values[index]! <= 0 &&
      isZero64(this.address, index) &&
      this.folded.values[index] === 0 &&
      this.frameType.values[index] === 0 &&
      attributes[index] === attributes[index + 1] &&
      lines[index] === lines[index + 1]
    );
  }

  view(): LocationTable {
    return {
      length: this.length,
      mapping: this.mapping.view(),
      address: this.address.unsigned(),
      attributes: this.attributes.view(),
      folded: this.folded.view(),
      frameType: this.frameType.view(),
      lineOffsets: this.lineOffsets.view(),
      lines: {
        length: this.lineFunction.length,
        function: this.lineFunction.view(),
        line: this.lineLine.signed(),
        column: this.lineColumn.signed(),
      },
      unknown: this.unknown,
    };
  }

  #sameLines(a: number, b: number): boolean {
    const offsets = this.lineOffsets.values;
    const count = offsets[a + 1]! - offsets[a]!;
    if (count !== offsets[b + 1]! - offsets[b]!) return false;
    for (let line = 0; line < count; line++) {
      const left = offsets[a]! + line;
      const right = offsets[b]! + line;
      if (this.lineFunction.values[left] !== this.lineFunction.values[right]) return false;
      if (!same64(this.lineLine, left, right) || !same64(this.lineColumn, left, right)) return false;
    }
    return true;
  }
}
