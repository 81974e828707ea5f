import { AttributeColumns } from "./attribute-columns.ts";
import { FunctionColumns } from "./function-columns.ts";
import { LinkColumns } from "./link-columns.ts";
import { LocationColumns } from "./location-columns.ts";
import { MappingColumns } from "./mapping-columns.ts";
import type { Dictionary } from "./model.ts";
import { StackColumns } from "./stack-columns.ts";
import type { TableColumns } from "./table-columns.ts";
import { StringTable } from "./tables.ts";

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
  constructor(source: Uint8Array = EMPTY) {
    this.strings = new StringTable(source);
    this.attributes = new AttributeColumns(source);
    this.links = new LinkColumns(source);
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.#tables().reduce((sum, { memoryBytes }) => sum + memoryBytes, this.strings.memoryBytes);
  }

  /** Forgets all entries, to be filled anew with those of another request. Views of before are lost. */
  begin(source: Uint8Array): void {
    this.strings.reset(source);
    for (const table of this.#tables()) table.reset(source);
  }

  /** Forgets all entries and appends the null elements, to be filled anew. Views of before are lost. */
  reset(): void {
    this.begin(this.strings.source);
    this.seed();
  }

  /** Appends the null element to every table. */
  seed(): void {
    this.strings.addRange(0, 0);
    for (const table of this.#tables()) table.seed();
  }

  #tables(): readonly TableColumns[] {
    return [this.attributes, this.functions, this.mappings, this.locations, this.stacks, this.links];
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

const EMPTY = new Uint8Array(0);
