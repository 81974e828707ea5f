import type { Int64Column, ListColumn } from "./columns.ts";
import { hashStep, type Comparable } from "./intern-index.ts";

/** What the tables with several columns have in common. */
export abstract class TableColumns implements Comparable {
  /** Unknown fields by entry. */
  readonly unknown = new Map<number, Uint8Array>();

  abstract get length(): number;
  /** Bytes of memory. */
  abstract get memoryBytes(): number;
  /** Forgets all entries; where some are ranges of a request, those that come are of `source`. */
  abstract reset(source?: Uint8Array): void;
  abstract seed(): void;
  abstract hash(index: number): number;
  abstract same(a: number, b: number): boolean;
  abstract pop(): void;
  abstract copy(index: number): void;
  abstract clear(index: number): void;
}

export function same64({ halves }: Int64Column, a: number, b: number): boolean {
  return halves[a * 2] === halves[b * 2] && halves[a * 2 + 1] === halves[b * 2 + 1];
}

export function isZero64({ halves }: Int64Column, index: number): boolean {
  return halves[index * 2] === 0 && halves[index * 2 + 1] === 0;
}

export function copy64(column: Int64Column, index: number): void {
  column.push(column.halves[index * 2]!, column.halves[index * 2 + 1]!);
}

export function clear64({ halves }: Int64Column, index: number): void {
  halves[index * 2] = halves[index * 2 + 1] = 0;
}

export function hashList(hash: number, { offsets, values }: ListColumn, index: number): number {
  const end = offsets.values[index + 1]!;
  for (let at = offsets.values[index]!; at < end; at++) hash = hashStep(hash, values.values[at]!);
  return hash;
}

export function sameList({ offsets, values }: ListColumn, a: number, b: number): boolean {
  const from = offsets.values[a]!;
  const to = offsets.values[b]!;
  const count = offsets.values[a + 1]! - from;
  if (count !== offsets.values[b + 1]! - to) return false;
  for (let at = 0; at < count; at++) if (values.values[from + at] !== values.values[to + at]) return false;
  return true;
}

export function popList({ offsets, values }: ListColumn): void {
  offsets.length--;
  values.length = offsets.values[offsets.length - 1]!;
}

/** Appends the values of a list; the caller closes the new one. */
export function copyList({ offsets, values }: ListColumn, index: number): void {
  const end = offsets.values[index + 1]!;
  for (let at = offsets.values[index]!; at < end; at++) values.push(values.values[at]!);
}

/** Only the first list can be emptied without moving the others; what it held belongs to none then. */
export function clearFirstList({ offsets, values }: ListColumn, index: number): void {
  if (index !== 0) return;
  values.values.fill(0, offsets.values[0], offsets.values[1]);
  offsets.values[0] = offsets.values[1]!;
}
