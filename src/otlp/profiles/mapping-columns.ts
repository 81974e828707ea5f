import { Int32Column, Int64Column, ListColumn, Uint8Column } from "./columns.ts";
import { hashStart, hashStep } from "./intern-index.ts";
import type { MappingTable } from "./model.ts";
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

/** `MappingTable` while it grows. */
export class MappingColumns extends TableColumns {
  readonly memoryStart = new Int64Column();
  readonly memoryLimit = new Int64Column();
  readonly fileOffset = new Int64Column();
  readonly filename = new Int32Column();
  readonly attributes = new ListColumn();
  readonly has = new Uint8Column();
  readonly buildId = new Int32Column();
  readonly buildIdKind = new Uint8Column();

  get length(): number {
    return this.filename.length;
  }

  /** The three addresses are to be pushed as well, and the attributes, whose list this closes. */
  push(filename: number, has: number, buildId: number, buildIdKind: number): void {
    this.filename.push(filename);
    this.has.push(has);
    this.buildId.push(buildId);
    this.buildIdKind.push(buildIdKind);
    this.attributes.close();
  }

  get memoryBytes(): number {
    const { memoryStart, memoryLimit, fileOffset, filename, attributes, has, buildId, buildIdKind } = this;
    const columns = [memoryStart, memoryLimit, fileOffset, filename, attributes, has, buildId, buildIdKind];
    return columns.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  reset(): void {
    this.memoryStart.length = this.memoryLimit.length = this.fileOffset.length = 0;
    this.filename.length = this.has.length = this.buildId.length = this.buildIdKind.length = 0;
    this.attributes.reset();
    this.unknown.clear();
  }

  seed(): void {
    for (const column of [this.memoryStart, this.memoryLimit, this.fileOffset]) column.push(0, 0);
    this.push(0, 0, 0, 0);
  }

  hash(index: number): number {
    let hash = hashStep(hashStart(), this.filename.values[index]!);
    hash = hashStep(hash, this.memoryStart.halves[index * 2]!);
    hash = hashStep(hash, this.memoryStart.halves[index * 2 + 1]!);
    hash = hashStep(hash, this.memoryLimit.halves[index * 2]!);
    hash = hashStep(hash, this.fileOffset.halves[index * 2]!);
    hash = hashStep(hash, this.buildId.values[index]!);
    return hashList(hash, this.attributes, index);
  }

  same(a: number, b: number): boolean {
    return (
      this.filename.values[a] === this.filename.values[b] &&
      same64(this.memoryStart, a, b) &&
      same64(this.memoryLimit, a, b) &&
      same64(this.fileOffset, a, b) &&
      this.has.values[a] === this.has.values[b] &&
      this.buildId.values[a] === this.buildId.values[b] &&
      this.buildIdKind.values[a] === this.buildIdKind.values[b] &&
      sameList(this.attributes, a, b)
    );
  }

  pop(): void {
    this.memoryStart.length--;
    this.memoryLimit.length--;
    this.fileOffset.length--;
    this.filename.length--;
    this.has.length--;
    this.buildId.length--;
    this.buildIdKind.length--;
    popList(this.attributes);
  }

  copy(index: number): void {
    for (const column of [this.memoryStart, this.memoryLimit, this.fileOffset]) copy64(column, index);
    copyList(this.attributes, index);
    const { filename, has, buildId, buildIdKind } = this;
    this.push(filename.values[index]!, has.values[index]!, buildId.values[index]!, buildIdKind.values[index]!);
  }

  clear(index: number): void {
    for (const column of [this.memoryStart, this.memoryLimit, this.fileOffset]) clear64(column, index);
    this.filename.values[index] = this.has.values[index] = 0;
    this.buildId.values[index] = this.buildIdKind.values[index] = 0;
    clearFirstList(this.attributes, index);
  }

  /** Whether an entry says nothing at all. */
  isNull(index: number): boolean {
    const { offsets } = this.attributes;
    return (
      this.filename.values[index] === 0 &&
      isZero64(this.memoryStart, index) &&
      isZero64(this.memoryLimit, index) &&
      isZero64(this.fileOffset, index) &&
      this.has.values[index] === 0 &&
      this.buildId.values[index] === 0 &&
      offsets.values[index] === offsets.values[index + 1]
    );
  }

  view(): MappingTable {
    return {
      length: this.length,
      memoryStart: this.memoryStart.unsigned(),
      memoryLimit: this.memoryLimit.unsigned(),
      fileOffset: this.fileOffset.unsigned(),
      filename: this.filename.view(),
      attributes: this.attributes.view(),
      has: this.has.view(),
      buildId: this.buildId.view(),
      buildIdKind: this.buildIdKind.view(),
      unknown: this.unknown,
    };
  }
}
