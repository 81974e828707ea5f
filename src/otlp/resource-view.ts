import { decodeText, IntList, Reader, WireType, type SplicePlan } from "#wire";
import type { AttributeKeys } from "./attribute-keys.ts";
import { AttributeKind, AttributeScanner } from "./attribute-scanner.ts";
import { decodeAttribute, type Attribute, type AttributeValue } from "./attribute-value.ts";
import type { StringTable } from "./string-table.ts";

/** ResourceSpans.resource and its siblings, Resource.attributes. */
const RESOURCE = 1;
const ATTRIBUTES = 1;
const RESOURCE_TAG = (RESOURCE << 3) | WireType.LEN;

/** What a view keeps for each key of interest. */
const KEY_STRIDE = 5;
const KEY_KIND = 0;
const VALUE_START = 1;
const VALUE_END = 2;
const PAIR_START = 3;
const PAIR_END = 4;

/**
 * The resource at hand in `ResourceEditor.edit`: what is known of the keys of interest, and the edits wanted. There is
 * one view for all resources; it holds until `visit` returns. Keys are given by their number in `AttributeKeys`. Where a
 * key stands twice, the first one counts, as in the Collector.
 */
export class ResourceView {
  /** Position of the resource in the request, from 0. */
  index = 0;
  /** The request. `start` and `end` are positions in it. */
  source: Uint8Array = EMPTY;

  readonly #keys: AttributeKeys;
  readonly #strings: StringTable;
  readonly #scanner: AttributeScanner;
  readonly #values: Int32Array;
  readonly #envelope = new Reader();
  readonly #resource = new Reader();
  readonly #number = new Reader();

  /** Content of the ResourceSpans (or sibling) with the start of its prefix. */
  #outerPrefix = 0;
  #outerStart = 0;
  #outerEnd = 0;
  /** Each Resource message in it (one, unless somebody split it): start of prefix, start, end. */
  readonly #segments = new IntList();
  /** Attributes with keys of interest, in order: key number, start of the field, its end. */
  readonly #found = new IntList();
  /** Fields to leave out: start, end. */
  readonly #removals = new IntList();
  /** What to add; entries from #appendedCount on are left over. */
  readonly #appended: Uint8Array[] = [];
  #appendedCount = 0;
  readonly #appendedRanges = new IntList();

  /** @internal Made by the editor. */
  constructor(keys: AttributeKeys, strings: StringTable) {
    this.#keys = keys;
    this.#strings = strings;
    this.#scanner = new AttributeScanner(strings);
    this.#values = new Int32Array(keys.size * KEY_STRIDE);
  }

  /** Whether the resource has the key, with whatever value. */
  present(key: number): boolean {
    return this.kind(key) !== AttributeKind.ABSENT;
  }

  /** Whether the resource has the key with a value that is neither unset nor an empty string or bytes. */
  nonEmpty(key: number): boolean {
    const kind = this.kind(key);
    if (kind === AttributeKind.STRING || kind === AttributeKind.BYTES) return this.end(key) > this.start(key);
    return kind > AttributeKind.EMPTY;
  }

  kind(key: number): AttributeKind {
    return this.#values[key * KEY_STRIDE + KEY_KIND] as AttributeKind;
  }

  /** STRING and BYTES: where the value begins in `source`, wherever it is stored. */
  start(key: number): number {
    return this.#values[key * KEY_STRIDE + VALUE_START]!;
  }

  /** STRING and BYTES: where the value ends in `source`. */
  end(key: number): number {
    return this.#values[key * KEY_STRIDE + VALUE_END]!;
  }

  /** The value of a STRING; empty for everything else. */
  text(key: number): string {
    return this.kind(key) === AttributeKind.STRING ? decodeText(this.source, this.start(key), this.end(key)) : "";
  }

  /** The value of an INT, exact below 2^53; NaN for everything else. */
  int(key: number): number {
    if (this.kind(key) !== AttributeKind.INT) return NaN;
    this.#number.reset(this.source, this.start(key), this.end(key));
    this.#number.next();
    return this.#number.int();
  }

  /** The value decoded, references resolved, whatever its kind. Allocates. */
  value(key: number): AttributeValue {
    if (!this.present(key)) return undefined;
    const at = key * KEY_STRIDE;
    const values = this.#values;
    return decodeAttribute(this.source, values[at + PAIR_START]!, values[at + PAIR_END]!, this.#strings)?.value;
  }

  /** Adds attributes: `encoded[start, end)` is one or more results of `encodeAttribute`, unchanged until `edit` ends. */
  append(encoded: Uint8Array, start = 0, end = encoded.length): void {
    if (start === end) return;
    this.#appended[this.#appendedCount++] = encoded;
    this.#appendedRanges.push(start);
    this.#appendedRanges.push(end);
  }

  /** Takes out the key, all of them if it stands there several times; it is absent from then on. */
  remove(key: number): void {
    const found = this.#found;
    for (let at = 0; at < found.length; at += 3) {
      if (found.at(at) === key) this.#planRemoval(found.at(at + 1), found.at(at + 2));
    }
    this.#values[key * KEY_STRIDE + KEY_KIND] = AttributeKind.ABSENT;
  }

  /** Calls `visit` with every attribute decoded, in order, and takes out those for which it returns "remove". */
  forEachAttribute(visit: (attribute: Attribute) => "keep" | "remove"): void {
    const resource = this.#resource;
    for (let segment = 0; segment < this.#segments.length; segment += 3) {
      resource.reset(this.source, this.#segments.at(segment + 1), this.#segments.at(segment + 2));
      while (resource.next()) {
        if (resource.field !== ATTRIBUTES) continue;
        const { fieldStart, position } = resource;
        const attribute = decodeAttribute(this.source, resource.start, resource.end, this.#strings);
        if (attribute && visit(attribute) === "remove") this.#removeField(fieldStart, position);
      }
    }
  }

  #removeField(start: number, end: number): void {
    this.#planRemoval(start, end);
    const found = this.#found;
    for (let at = 0; at < found.length; at += 3) {
      if (found.at(at + 1) === start) this.#values[found.at(at) * KEY_STRIDE + KEY_KIND] = AttributeKind.ABSENT;
    }
  }

  /** Keeps removals in order of position and each once: few entries, nearly in order. */
  #planRemoval(start: number, end: number): void {
    const removals = this.#removals;
    let at = removals.length;
    while (at > 0 && removals.at(at - 2) > start) at -= 2;
    if (at > 0 && removals.at(at - 2) === start) return;
    removals.push(0);
    removals.push(0);
    for (let move = removals.length - 1; move >= at + 2; move--) removals.set(move, removals.at(move - 2));
    removals.set(at, start);
    removals.set(at + 1, end);
  }

  /**
   * @internal Turns to the resource of the ResourceSpans (or sibling) at `bytes[start, end)`. False where it is
   * malformed: then nothing may be asked and nothing edited.
   */
  load(index: number, bytes: Uint8Array, prefixStart: number, start: number, end: number): boolean {
    this.index = index;
    this.source = bytes;
    this.#outerPrefix = prefixStart;
    this.#outerStart = start;
    this.#outerEnd = end;
    this.#segments.clear();
    this.#found.clear();
    this.#removals.clear();
    this.#appendedCount = 0;
    this.#appendedRanges.clear();
    const values = this.#values;
    for (let at = KEY_KIND; at < values.length; at += KEY_STRIDE) values[at] = AttributeKind.ABSENT;

    const envelope = this.#envelope;
    envelope.reset(bytes, start, end);
    while (envelope.next()) {
      if (envelope.field !== RESOURCE) continue;
      if (envelope.wireType !== WireType.LEN) return false;
      this.#segments.push(envelope.prefixStart);
      this.#segments.push(envelope.start);
      this.#segments.push(envelope.end);
      if (!this.#loadAttributes(bytes, envelope.start, envelope.end)) return false;
    }
    return !envelope.failed;
  }

  #loadAttributes(bytes: Uint8Array, start: number, end: number): boolean {
    const resource = this.#resource;
    const scanner = this.#scanner;
    resource.reset(bytes, start, end);
    while (resource.next()) {
      if (resource.field !== ATTRIBUTES) continue;
      if (resource.wireType !== WireType.LEN || !scanner.scan(bytes, resource.start, resource.end)) return false;
      const key = this.#keys.find(bytes, scanner.keyStart, scanner.keyEnd);
      if (key < 0) continue;
      this.#found.push(key);
      this.#found.push(resource.fieldStart);
      this.#found.push(resource.position);
      const at = key * KEY_STRIDE;
      const values = this.#values;
      if (values[at + KEY_KIND] !== AttributeKind.ABSENT) continue;
      values[at + KEY_KIND] = scanner.kind;
      values[at + VALUE_START] = scanner.valueStart;
      values[at + VALUE_END] = scanner.valueEnd;
      values[at + PAIR_START] = resource.start;
      values[at + PAIR_END] = resource.end;
    }
    return !resource.failed;
  }

  /** @internal Puts the edits of this resource into the plan. */
  planEdits(plan: SplicePlan): void {
    const segments = this.#segments;
    const removals = this.#removals;
    if (removals.length === 0 && this.#appendedCount === 0) return;
    plan.enter(this.#outerPrefix, this.#outerStart, this.#outerEnd);
    if (segments.length === 0) {
      plan.enterNew(this.#outerStart, RESOURCE_TAG);
      this.#planAppends(plan, this.#outerStart);
      plan.leave();
    }
    let removal = 0;
    for (let segment = 0; segment < segments.length; segment += 3) {
      const end = segments.at(segment + 2);
      plan.enter(segments.at(segment), segments.at(segment + 1), end);
      for (; removal < removals.length && removals.at(removal) < end; removal += 2) {
        plan.remove(removals.at(removal), removals.at(removal + 1));
      }
      if (segment + 3 === segments.length) this.#planAppends(plan, end);
      plan.leave();
    }
    plan.leave();
  }

  /** @internal References that led nowhere since this was last asked. */
  takeUnresolved(): number {
    const { unresolved } = this.#scanner;
    this.#scanner.unresolved = 0;
    return unresolved;
  }

  /** @internal Lets go of the request. */
  release(): void {
    this.source = EMPTY;
    this.#appended.length = 0;
  }

  #planAppends(plan: SplicePlan, position: number): void {
    const ranges = this.#appendedRanges;
    for (let index = 0; index < this.#appendedCount; index++) {
      plan.insert(position, this.#appended[index]!, ranges.at(index * 2), ranges.at(index * 2 + 1));
    }
  }
}

const EMPTY = new Uint8Array(0);
