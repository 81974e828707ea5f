import type { Int32Column, ListColumn } from "./columns.ts";
import type { DictionaryColumns } from "./dictionary-columns.ts";
import type { Findings } from "./findings.ts";
import { InternIndex } from "./intern-index.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import { ABSENT, type TableReader } from "./table-reader.ts";

/** Frames of E that stand for the lack of one: they belong to no mapping. */
const MARKERS: ReadonlySet<string> = new Set(["abort-marker", "unknown", ""]);

/** How an index of the input becomes one of the model. */
export class IndexRule {
  /** Entries of the input's table. */
  readonly count: number;
  /** What is added: 1 where the input's element 0 is real and the model's is null. */
  readonly shift: number;
  /** Where a list's reference to 0 goes from D8 on: 0, or the copy of an element 0 that is not null. */
  readonly zero: number;
  /** 1 for entries that say nothing: scalar references to them are 0. */
  readonly nulls: Uint8Array | undefined;
  #elements: Int32Array | undefined;

  constructor(count: number, shift: number, zero: number, nulls?: Uint8Array) {
    this.count = count;
    this.shift = shift;
    this.zero = zero;
    this.nulls = nulls;
  }

  /** A single reference; -1 if out of range. */
  scalar(raw: number): number {
    if (raw < 0 || raw >= this.count) return raw === 0 && this.shift === 0 ? 0 : -1;
    const index = raw + this.shift;
    return this.nulls?.[index] === 1 ? 0 : index;
  }

  /** What each reference in a list is, through `map` if given; 0 where the entry is null. For very many of them. */
  elements(map?: Int32Array): Int32Array {
    if (!map && this.#elements) return this.#elements;
    const elements = new Int32Array(this.count);
    for (let raw = 0; raw < this.count; raw++) {
      const element = this.element(raw);
      elements[raw] = map ? map[element]! : element;
    }
    if (!map) this.#elements = elements;
    return elements;
  }

  /** A reference in a list; -1 if out of range. */
  element(raw: number): number {
    if (raw === 0 && this.shift === 0) return this.zero;
    return raw < 0 || raw >= this.count ? -1 : raw + this.shift;
  }
}

/** Rules for references from samples and profiles into the tables. */
export interface IndexRules {
  readonly strings: IndexRule;
  readonly attributes: IndexRule;
  readonly locations: IndexRule;
  readonly stacks: IndexRule;
  readonly links: IndexRule;
  /** 1 for stacks that cannot be told, because one of their locations cannot. */
  readonly badStacks: Uint8Array | undefined;
}

/**
 * Makes sense of tables that were read raw: settles what index 0 means in the layout (reference §4.1), puts a null
 * element at 0 of each, and checks every index. What points nowhere becomes 0, or leaves its list, and is a finding;
 * only a stack cannot do without its locations.
 */
export class TableResolver {
  readonly #columns: DictionaryColumns;
  readonly #findings: Findings;
  readonly #layout: Layout;
  readonly #place: () => string;

  constructor(columns: DictionaryColumns, layout: Layout, findings: Findings, place: () => string) {
    this.#columns = columns;
    this.#layout = layout;
    this.#findings = findings;
    this.#place = place;
  }

  /**
   * @param reader what read the tables: it holds literal keys and units
   * @param attributeCount entries of the attribute table, the null element included; those behind it are the profile's
   */
  resolve(reader: TableReader, attributeCount = this.#columns.attributes.length): IndexRules {
    const columns = this.#columns;
    // Literal keys are appended to the strings: count what can be referred to before.
    const strings = new IndexRule(columns.strings.length, 0, 0);
    const real = layoutOrder(this.#layout) < layoutOrder("D8");
    const shift = real ? 1 : 0;
    const counts = {
      attributes: attributeCount - shift,
      functions: columns.functions.length - shift,
      mappings: columns.mappings.length - shift,
      locations: columns.locations.length - shift,
      stacks: columns.stacks.length - shift,
      links: columns.links.length - shift,
    };
    const zeros = real ? NO_ZEROS : this.#sentinels();
    const attributes = new IndexRule(counts.attributes, shift, zeros.attributes);
    const functions = new IndexRule(counts.functions, shift, 0, this.#nullFunctions());
    this.#attributes(reader, strings, real);
    this.#functions(strings);
    const mappings = new IndexRule(counts.mappings, shift, 0, this.#mappings(strings, attributes));
    const locations = new IndexRule(counts.locations, shift, zeros.locations);
    this.#locations(strings, attributes, functions, mappings, shift);
    const links = new IndexRule(counts.links, shift, 0, this.#links());
    const stacks = new IndexRule(counts.stacks, shift, zeros.stacks);
    return { strings, attributes, locations, stacks, links, badStacks: this.#stacks(locations) };
  }

  /** From D8 on: makes element 0 of each table null; where it was not, lists may refer to a copy at the end. */
  #sentinels(): Zeros {
    const { attributes, functions, mappings, locations, stacks, links } = this.#columns;
    const { key, values } = attributes;
    const zero = (length: number, isNull: () => boolean): boolean => length > 0 && !isNull();
    const zeros = {
      attributes: zero(
        key.length,
        () => key.values[0] === 0 && values.size(0) === 0 && attributes.unit.values[0] === 0,
      ),
      functions: zero(functions.length, () => functions.isNull(0)),
      mappings: zero(mappings.length, () => mappings.isNull(0)),
      locations: zero(locations.length, () => locations.isNull(0)),
      stacks: zero(stacks.length, () => stacks.locations.offsets.values[1] === 0),
      links: zero(links.length, () => links.isNull(0)),
    };
    const empty = this.#columns.strings.length <= 1;
    const settle = (name: string, table: Sentinel, filled: boolean): number => {
      if (table.length === 0) {
        table.seed();
        if (!empty) this.#findings.add("missing-sentinel", name, -1, () => `${this.#place()}${name}`);
        return 0;
      }
      if (!filled) return 0;
      this.#findings.add("nonzero-sentinel", name, -1, () => `${this.#place()}${name}[0]`);
      table.copy(0);
      table.clear(0);
      return table.length - 1;
    };
    settle("function_table", functions, zeros.functions);
    settle("mapping_table", mappings, zeros.mappings);
    settle("link_table", links, zeros.links);
    return {
      attributes: settle("attribute_table", attributes, zeros.attributes),
      locations: settle("location_table", locations, zeros.locations),
      stacks: settle("stack_table", stacks, zeros.stacks),
    };
  }

  /** Keys and units. Up to D7 keys are literal and units belong to keys. */
  #attributes(reader: TableReader, strings: IndexRule, literal: boolean): void {
    const { attributes, strings: texts } = this.#columns;
    const { key, unit } = attributes;
    if (!literal) {
      this.#strings(key, strings, "KeyValueAndUnit.key_strindex");
      this.#strings(unit, strings, "KeyValueAndUnit.unit_strindex");
      return;
    }
    const keys = new InternIndex(texts);
    const ranges = reader.keyRanges;
    for (let at = 0; at * 2 < ranges.length; at++) {
      const start = ranges.values[at * 2]!;
      if (start < 0) continue;
      const added = texts.addRange(start, ranges.values[at * 2 + 1]!);
      const found = keys.intern(added, texts.hash(added));
      if (found !== added) texts.pop();
      key.values[at + 1] = texts.size(found) === 0 ? 0 : found;
    }
    this.#units(reader, strings, keys);
  }

  #units({ units }: TableReader, strings: IndexRule, keys: InternIndex): void {
    if (units.length === 0) return;
    const { attributes, strings: texts } = this.#columns;
    const byKey = new Map<number, number>();
    for (let at = 0; at < units.length; at += 2) {
      const key = this.#string(units.values[at]!, strings, "AttributeUnit.attribute_key");
      const unit = this.#string(units.values[at + 1]!, strings, "AttributeUnit.unit");
      if (key === 0) continue;
      const interned = keys.intern(key, texts.hash(key));
      const before = byKey.get(interned);
      if (before === undefined) byKey.set(interned, unit);
      else if (!texts.same(before, unit)) {
        this.#findings.add("conflicting-units", "attribute_units", texts.start(key), () => this.#place());
      }
    }
    const { key, unit } = attributes;
    for (let at = 1; at < key.length; at++) unit.values[at] = byKey.get(key.values[at]!) ?? 0;
  }

  #functions(strings: IndexRule): void {
    const { functions } = this.#columns;
    this.#strings(functions.name, strings, "Function.name_strindex");
    this.#strings(functions.systemName, strings, "Function.system_name_strindex");
    this.#strings(functions.filename, strings, "Function.filename_strindex");
  }

  #mappings(strings: IndexRule, attributes: IndexRule): Uint8Array {
    const { mappings } = this.#columns;
    this.#strings(mappings.filename, strings, "Mapping.filename_strindex");
    this.#strings(mappings.buildId, strings, "Mapping.build_id");
    this.#lists(mappings.attributes, attributes, "Mapping.attribute_indices");
    const nulls = new Uint8Array(mappings.length);
    for (let at = 0; at < nulls.length; at++) if (mappings.isNull(at)) nulls[at] = 1;
    return nulls;
  }

  #locations(
    strings: IndexRule,
    attributes: IndexRule,
    functions: IndexRule,
    mappings: IndexRule,
    first: number,
  ): void {
    const { locations } = this.#columns;
    this.#strings(locations.frameType, strings, "Location.type_index");
    this.#lists(locations.attributes, attributes, "Location.attribute_indices");
    const { values, length } = locations.lineFunction;
    for (let at = 0; at < length; at++) {
      // Where there are no functions at all, 0 can only mean none.
      const index = values[at] === 0 && functions.count === 0 ? 0 : functions.scalar(values[at]!);
      values[at] = index >= 0 ? index : this.#lost("Line.function_index");
    }
    const mapping = locations.mapping.values;
    const zeroIsUnset = this.#layout === "E";
    for (let at = first; at < locations.length; at++) {
      const raw = mapping[at]!;
      if (zeroIsUnset && (raw === 0 || raw === ABSENT)) mapping[at] = this.#mappingZero(at, mappings);
      else if (raw === ABSENT) mapping[at] = 0;
      else {
        const index = mappings.scalar(raw);
        mapping[at] = index >= 0 ? index : this.#lost("Location.mapping_index");
      }
    }
  }

  /** Layout E cannot tell mapping 0 from none: what has an address, or is in its range, is taken to be in it. */
  #mappingZero(location: number, rule: IndexRule): number {
    const { locations, mappings, strings } = this.#columns;
    const index = rule.scalar(0);
    if (index <= 0) return 0;
    this.#findings.add("ambiguous-zero", "Location.mapping_index", -1, this.#place);
    const type = locations.frameType.values[location]!;
    if (type !== 0 && MARKERS.has(strings.text(type))) return 0;
    const { halves } = locations.address;
    if (halves[location * 2] !== 0 || halves[location * 2 + 1] !== 0) return index;
    const start = mappings.memoryStart.halves;
    return start[index * 2] === 0 && start[index * 2 + 1] === 0 ? index : 0;
  }

  #nullFunctions(): Uint8Array {
    const { functions } = this.#columns;
    const nulls = new Uint8Array(functions.length);
    for (let at = 0; at < nulls.length; at++) if (functions.isNull(at)) nulls[at] = 1;
    return nulls;
  }

  #links(): Uint8Array {
    const { links } = this.#columns;
    const nulls = new Uint8Array(links.length);
    for (let at = 0; at < nulls.length; at++) {
      const trace = links.traceIds.size(at);
      const span = links.spanIds.size(at);
      if (trace + span === 0 || links.isNull(at)) nulls[at] = 1;
      else if (trace !== 16 || span !== 8) {
        this.#findings.add(
          "id-size",
          "link_table",
          links.traceIds.start(at),
          () => `${this.#place()}link_table[${at}]`,
        );
      }
    }
    return nulls;
  }

  #stacks(rule: IndexRule): Uint8Array | undefined {
    const { offsets, values } = this.#columns.stacks.locations;
    let bad: Uint8Array | undefined;
    for (let stack = 0; stack + 1 < offsets.length; stack++) {
      const end = offsets.values[stack + 1]!;
      for (let at = offsets.values[stack]!; at < end; at++) {
        const index = rule.element(values.values[at]!);
        if (index < 0) {
          bad ??= new Uint8Array(offsets.length);
          bad[stack] = 1;
          this.#lost("Stack.location_indices");
        }
        values.values[at] = index < 0 ? 0 : index;
      }
    }
    return bad;
  }

  #strings(column: Int32Column, rule: IndexRule, field: string): void {
    const { values, length } = column;
    for (let at = 0; at < length; at++) {
      const raw = values[at]!;
      if (raw !== 0 && (raw < 0 || raw >= rule.count)) values[at] = this.#lost(field);
    }
  }

  #string(raw: number, rule: IndexRule, field: string): number {
    return raw >= 0 && raw < rule.count ? raw : this.#lost(field);
  }

  /** Resolves lists in place; what is out of range leaves its list. */
  #lists({ offsets, values }: ListColumn, rule: IndexRule, field: string): void {
    let to = offsets.values[0]!;
    let from = to;
    for (let list = 1; list < offsets.length; list++) {
      const end = offsets.values[list]!;
      for (; from < end; from++) {
        const index = rule.element(values.values[from]!);
        // Element 0 is no attribute.
        if (index > 0) values.values[to++] = index;
        else this.#lost(field);
      }
      offsets.values[list] = to;
    }
    values.length = to;
  }

  /** Counts a reference that points nowhere; it becomes 0. */
  #lost(field: string): 0 {
    this.#findings.add("index-out-of-range", field, -1, this.#place);
    return 0;
  }
}

interface Zeros {
  readonly attributes: number;
  readonly locations: number;
  readonly stacks: number;
}

const NO_ZEROS: Zeros = { attributes: 0, locations: 0, stacks: 0 };

/** What `DictionaryColumns` has tables for. */
interface Sentinel {
  readonly length: number;
  seed(): void;
  copy(index: number): void;
  clear(index: number): void;
}
