import { ListColumn } from "./columns.ts";
import { hashStart } from "./intern-index.ts";
import type { IndexLists } from "./model.ts";
import { TableColumns, clearFirstList, copyList, hashList, popList, sameList } from "./table-columns.ts";

/** Stacks while they grow. */
export class StackColumns extends TableColumns {
  readonly locations = new ListColumn();

  get length(): number {
    return this.locations.length;
  }

  get memoryBytes(): number {
    return this.locations.memoryBytes;
  }

  reset(): void {
    this.locations.reset();
    this.unknown.clear();
  }

  seed(): void {
    this.locations.close();
  }

  hash(index: number): number {
    return hashList(hashStart(), this.locations, index);
  }

  same(a: number, b: number): boolean {
    return sameList(this.locations, a, b);
  }

  pop(): void {
    popList(this.locations);
  }

  copy(index: number): void {
    copyList(this.locations, index);
    this.locations.close();
  }

  clear(index: number): void {
    clearFirstList(this.locations, index);
  }

  view(): IndexLists {
    return this.locations.view();
  }
}
