import { hashStep } from "./intern-index.ts";
import type { LinkTable } from "./model.ts";
import { TableColumns } from "./table-columns.ts";
import { ByteTable } from "./tables.ts";

/** `LinkTable` while it grows. */
export class LinkColumns extends TableColumns {
  readonly traceIds: ByteTable;
  readonly spanIds: ByteTable;

  constructor(source: Uint8Array) {
    super();
    this.traceIds = new ByteTable(source);
    this.spanIds = new ByteTable(source);
  }

  get length(): number {
    return this.traceIds.length;
  }

  get memoryBytes(): number {
    return this.traceIds.memoryBytes + this.spanIds.memoryBytes;
  }

  reset(source?: Uint8Array): void {
    this.traceIds.reset(source);
    this.spanIds.reset(source);
    this.unknown.clear();
  }

  seed(): void {
    this.traceIds.addRange(0, 0);
    this.spanIds.addRange(0, 0);
  }

  hash(index: number): number {
    return hashStep(this.traceIds.hash(index), this.spanIds.hash(index));
  }

  same(a: number, b: number): boolean {
    return this.traceIds.same(a, b) && this.spanIds.same(a, b);
  }

  pop(): void {
    this.traceIds.pop();
    this.spanIds.pop();
  }

  copy(index: number): void {
    this.traceIds.addFrom(this.traceIds, index);
    this.spanIds.addFrom(this.spanIds, index);
  }

  clear(index: number): void {
    this.traceIds.clear(index);
    this.spanIds.clear(index);
  }

  /** Whether an entry is empty or of zeros. */
  isNull(index: number): boolean {
    return isZeroBytes(this.traceIds.bytes(index)) && isZeroBytes(this.spanIds.bytes(index));
  }

  view(): LinkTable {
    return { length: this.length, traceIds: this.traceIds, spanIds: this.spanIds, unknown: this.unknown };
  }
}

function isZeroBytes(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
