import { Int32Column, Uint8Column } from "./columns.ts";
import { hashStep } from "./intern-index.ts";
import type { AttributeTable } from "./model.ts";
import { TableColumns } from "./table-columns.ts";
import { ByteTable } from "./tables.ts";

/** `AttributeTable` while it grows. */
export class AttributeColumns extends TableColumns {
  readonly key = new Int32Column();
  readonly unit = new Int32Column();
  readonly values: ByteTable;
  readonly label = new Uint8Column();

  constructor(source: Uint8Array) {
    super();
    this.values = new ByteTable(source);
  }

  get length(): number {
    return this.key.length;
  }

  /** The value is to be added to `values` as well. */
  push(key: number, unit: number, label: number): void {
    this.key.push(key);
    this.unit.push(unit);
    this.label.push(label);
  }

  get memoryBytes(): number {
    return this.key.memoryBytes + this.unit.memoryBytes + this.values.memoryBytes + this.label.memoryBytes;
  }

  reset(source?: Uint8Array): void {
    this.key.length = this.unit.length = this.label.length = 0;
    this.values.reset(source);
    this.unknown.clear();
  }

  seed(): void {
    this.push(0, 0, 0);
    this.values.addRange(0, 0);
  }

  hash(index: number): number {
    const hash = hashStep(this.values.hash(index), this.key.values[index]!);
    return hashStep(hash, this.unit.values[index]! * 2 + this.label.values[index]!);
  }

  same(a: number, b: number): boolean {
    return (
      this.key.values[a] === this.key.values[b] &&
      this.unit.values[a] === this.unit.values[b] &&
      this.label.values[a] === this.label.values[b] &&
      this.values.same(a, b)
    );
  }

  pop(): void {
    this.key.length--;
    this.unit.length--;
    this.label.length--;
    this.values.pop();
  }

  copy(index: number): void {
    this.push(this.key.values[index]!, this.unit.values[index]!, this.label.values[index]!);
    this.values.addFrom(this.values, index);
  }

  clear(index: number): void {
    this.key.values[index] = this.unit.values[index] = this.label.values[index] = 0;
    this.values.clear(index);
  }

  view(): AttributeTable {
    const { key, unit, values, label, unknown } = this;
    return { length: this.length, key: key.view(), unit: unit.view(), values, label: label.view(), unknown };
  }
}
