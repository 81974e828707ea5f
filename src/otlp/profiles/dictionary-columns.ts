import { Int32Column, Int64Column, ListColumn, Uint8Column } from "./columns.ts";
import { hashStart, hashStep, type Comparable } from "./intern-index.ts";
import type {
  AttributeTable,
  Dictionary,
  FunctionTable,
  IndexLists,
  LinkTable,
  LocationTable,
  MappingTable,
} from "./model.ts";
import { ByteTable, StringTable } from "./tables.ts";

/**
 * The tables of a model while they grow. Each has `seed` (append the null element), `hash` and `same` (compare
 * entries), `pop` (take the last entry back), `copy` (append a copy of an entry) and `clear` (make an entry null).
 */
export class DictionaryColumns {
  readonly strings: StringTable;
  readonly attributes: AttributeColumns;
  readonly functions = new FunctionColumns();
  readonly mappings = new MappingColumns();
  readonly locations = new LocationColumns();
  readonly stacks = new StackColumns();
  readonly links: LinkColumns;

  /** @param source the request that strings, values and ids are ranges of */
  constructor(source: Uint8Array) {
    this.strings = new StringTable(source);
    this.attributes = new AttributeColumns(source);
    this.links = new LinkColumns(source);
  }

  /** Forgets all entries and appends the null elements, to be filled anew. Views of before are lost. */
  reset(): void {
    this.strings.reset();
    for (const table of [this.attributes, this.functions, this.mappings, this.locations, this.stacks, this.links]) {
      table.reset();
    }
    this.seed();
  }

  /** Appends the null element to every table. */
  seed(): void {
    this.strings.addRange(0, 0);
    for (const table of [this.attributes, this.functions, this.mappings, this.locations, this.stacks, this.links]) {
      table.seed();
    }
  }

  /** The tables as they are now. */
  view(): Dictionary {
    return {
      strings: this.strings,
      attributes: this.attributes.view(),
      functions: this.functions.view(),
      mappings: this.mappings.view(),
      locations: this.locations.view(),
      stacks: this.stacks.view(),
      links: this.links.view(),
    };
  }
}

/** What the tables with several columns have in common. */
abstract class TableColumns implements Comparable {
  /** Unknown fields by entry. */
  readonly unknown = new Map<number, Uint8Array>();

  abstract get length(): number;
  /** Forgets all entries. */
  abstract reset(): void;
  abstract seed(): void;
  abstract hash(index: number): number;
  abstract same(a: number, b: number): boolean;
  abstract pop(): void;
  abstract copy(index: number): void;
  abstract clear(index: number): void;
}

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

  reset(): void {
    this.key.length = this.unit.length = this.label.length = 0;
    this.values.reset();
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

  reset(): void {
    this.mapping.length = this.address.length = this.folded.length = this.frameType.length = 0;
    this.lineFunction.length = this.lineLine.length = this.lineColumn.length = 0;
    this.lineOffsets.length = 1;
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

export class StackColumns extends TableColumns {
  readonly locations = new ListColumn();

  get length(): number {
    return this.locations.length;
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

  reset(): void {
    this.traceIds.reset();
    this.spanIds.reset();
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

function same64({ halves }: Int64Column, a: number, b: number): boolean {
  return halves[a * 2] === halves[b * 2] && halves[a * 2 + 1] === halves[b * 2 + 1];
}

function isZero64({ halves }: Int64Column, index: number): boolean {
  return halves[index * 2] === 0 && halves[index * 2 + 1] === 0;
}

function copy64(column: Int64Column, index: number): void {
  column.push(column.halves[index * 2]!, column.halves[index * 2 + 1]!);
}

function clear64({ halves }: Int64Column, index: number): void {
  halves[index * 2] = halves[index * 2 + 1] = 0;
}

function hashList(hash: number, { offsets, values }: ListColumn, index: number): number {
  const end = offsets.values[index + 1]!;
  for (let at = offsets.values[index]!; at < end; at++) hash = hashStep(hash, values.values[at]!);
  return hash;
}

function sameList({ offsets, values }: ListColumn, a: number, b: number): boolean {
  const from = offsets.values[a]!;
  const to = offsets.values[b]!;
  const count = offsets.values[a + 1]! - from;
  if (count !== offsets.values[b + 1]! - to) return false;
  for (let at = 0; at < count; at++) if (values.values[from + at] !== values.values[to + at]) return false;
  return true;
}

function popList({ offsets, values }: ListColumn): void {
  offsets.length--;
  values.length = offsets.values[offsets.length - 1]!;
}

/** Appends the values of a list; the caller closes the new one. */
function copyList({ offsets, values }: ListColumn, index: number): void {
  const end = offsets.values[index + 1]!;
  for (let at = offsets.values[index]!; at < end; at++) values.push(values.values[at]!);
}

/** Only the first list can be emptied without moving the others; what it held belongs to none then. */
function clearFirstList({ offsets, values }: ListColumn, index: number): void {
  if (index !== 0) return;
  values.values.fill(0, offsets.values[0], offsets.values[1]);
  offsets.values[0] = offsets.values[1]!;
}

function isZeroBytes(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
