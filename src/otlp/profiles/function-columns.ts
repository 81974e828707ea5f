import { Int32Column, Int64Column } from "./columns.ts";
import { hashStart, hashStep } from "./intern-index.ts";
import type { FunctionTable } from "./model.ts";
import { TableColumns, clear64, isZero64, same64 } from "./table-columns.ts";

/** `FunctionTable` while it grows. */
export class FunctionColumns extends TableColumns {
  readonly name = new Int32Column();
  readonly systemName = new Int32Column();
  readonly filename = new Int32Column();
  readonly startLine = new Int64Column();

  get length(): number {
    return this.name.length;
  }

  push(name: number, systemName: number, filename: number, lineLow: number, lineHigh: number): void {
    this.name.push(name);
    this.systemName.push(systemName);
    this.filename.push(filename);
    this.startLine.push(lineLow, lineHigh);
  }

  get memoryBytes(): number {
    const { name, systemName, filename, startLine } = this;
    return name.memoryBytes + systemName.memoryBytes + filename.memoryBytes + startLine.memoryBytes;
  }

  reset(): void {
    this.name.length = this.systemName.length = this.filename.length = this.startLine.length = 0;
    this.unknown.clear();
  }

  seed(): void {
    this.push(0, 0, 0, 0, 0);
  }

  hash(index: number): number {
    let hash = hashStep(hashStart(), this.name.values[index]!);
    hash = hashStep(hash, this.systemName.values[index]!);
    hash = hashStep(hash, this.filename.values[index]!);
    return hashStep(hash, this.startLine.halves[index * 2]!);
  }

  same(a: number, b: number): boolean {
    return (
      this.name.values[a] === this.name.values[b] &&
      this.systemName.values[a] === this.systemName.values[b] &&
      this.filename.values[a] === this.filename.values[b] &&
      same64(this.startLine, a, b)
    );
  }

  pop(): void {
    this.name.length--;
    this.systemName.length--;
    this.filename.length--;
    this.startLine.length--;
  }

  copy(index: number): void {
    const { halves } = this.startLine;
    const [low, high] = [halves[index * 2]!, halves[index * 2 + 1]!];
    this.push(this.name.values[index]!, this.systemName.values[index]!, this.filename.values[index]!, low, high);
  }

  clear(index: number): void {
    this.name.values[index] = this.systemName.values[index] = this.filename.values[index] = 0;
    clear64(this.startLine, index);
  }

  /** Whether an entry says nothing at all. */
  isNull(index: number): boolean {
    const { name, systemName, filename } = this;
    if (name.values[index] !== 0 || systemName.values[index] !== 0 || filename.values[index] !== 0) return false;
    return isZero64(this.startLine, index);
  }

  view(): FunctionTable {
    return {
      length: this.length,
      name: this.name.view(),
      systemName: this.systemName.view(),
      filename: this.filename.view(),
      startLine: this.startLine.signed(),
      unknown: this.unknown,
    };
  }
}
