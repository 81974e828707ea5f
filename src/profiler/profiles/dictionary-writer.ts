import type { Writer } from "#wire";
import type { Dictionary } from "./dictionary.ts";
import { Numbering } from "./numbering.ts";

/** ProfilesDictionary of profiles.proto 1.10. */
const Table = { MAPPING: 1, LOCATION: 2, FUNCTION: 3, LINK: 4, STRING: 5, ATTRIBUTE: 6, STACK: 7 } as const;

/**
 * Writes the part of the dictionary that one request uses. While the profiles are written, `stacks`, `attributes` and
 * `strings` number what they refer to; `write` then follows the references table by table, so that each is complete when
 * its turn comes, and holds each entry once.
 */
export class DictionaryWriter {
  readonly #dictionary: Dictionary;
  readonly stacks = new Numbering();
  readonly attributes = new Numbering();
  readonly strings = new Numbering();
  readonly #locations = new Numbering();
  readonly #mappings = new Numbering();
  readonly #functions = new Numbering();

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** Writes all tables as the content of the dictionary message, which the caller has opened. */
  write(writer: Writer): void {
    this.#writeStacks(writer);
    this.#writeLocations(writer);
    this.#writeMappings(writer);
    this.#writeFunctions(writer);
    this.#writeAttributes(writer);
    writer.open(Table.LINK);
    writer.close();
    this.#writeStrings(writer);
  }

  /** Begins the next request. */
  clear(): void {
    for (const numbering of [
      this.stacks,
      this.attributes,
      this.strings,
      this.#locations,
      this.#mappings,
      this.#functions,
    ]) {
      numbering.clear();
    }
  }

  #writeStacks(writer: Writer): void {
    const { stackStarts, stackPositions } = this.#dictionary;
    const { stacks } = this;
    for (let number = 0; number <= stacks.count; number++) {
      const stack = number === 0 ? 0 : stacks.entry(number);
      writer.open(Table.STACK);
      const end = stackStarts.at(stack + 1);
      let at = stackStarts.at(stack);
      if (at < end) {
        writer.open(1);
        for (; at < end; at++) writer.rawVarint(this.#locations.use(stackPositions.at(at)));
        writer.close();
      }
      writer.close();
    }
  }

  #writeLocations(writer: Writer): void {
    const dictionary = this.#dictionary;
    const table = dictionary.locations;
    for (let number = 0; number <= this.#locations.count; number++) {
      const location = number === 0 ? 0 : this.#locations.entry(number);
      writer.open(Table.LOCATION);
      writeIndex(writer, 1, this.#mappings.use(table.at(location, 0)));
      writeAddress(writer, 2, table.at(location, 1), table.at(location, 2));
      for (let list = dictionary.linesOf(location); list !== 0; list = dictionary.restOfLines(list)) {
        writer.open(3);
        writeIndex(writer, 1, this.#functions.use(dictionary.lines.at(list, 0)));
        writeIndex(writer, 2, dictionary.lines.at(list, 1));
        writer.close();
      }
      this.writeAttributeIndexes(writer, 4, dictionary.attributesOf(location));
      writer.close();
    }
  }

  #writeMappings(writer: Writer): void {
    const table = this.#dictionary.mappings;
    for (let number = 0; number <= this.#mappings.count; number++) {
      const mapping = number === 0 ? 0 : this.#mappings.entry(number);
      writer.open(Table.MAPPING);
      for (let field = 0; field < 3; field++) {
        writeAddress(writer, field + 1, table.at(mapping, field * 2), table.at(mapping, field * 2 + 1));
      }
      writeIndex(writer, 4, this.strings.use(table.at(mapping, 6)));
      this.writeAttributeIndexes(writer, 5, table.at(mapping, 7));
      writer.close();
    }
  }

  #writeFunctions(writer: Writer): void {
    const table = this.#dictionary.functions;
    for (let number = 0; number <= this.#functions.count; number++) {
      const id = number === 0 ? 0 : this.#functions.entry(number);
      writer.open(Table.FUNCTION);
      for (let field = 0; field < 3; field++) writeIndex(writer, field + 1, this.strings.use(table.at(id, field)));
      writeIndex(writer, 4, table.at(id, 3));
      writer.close();
    }
  }

  #writeAttributes(writer: Writer): void {
    const dictionary = this.#dictionary;
    for (let number = 0; number <= this.attributes.count; number++) {
      const attribute = number === 0 ? 0 : this.attributes.entry(number);
      writer.open(Table.ATTRIBUTE);
      if (attribute !== 0) {
        writer.varint(1, this.strings.use(dictionary.attributes.at(attribute, 0)));
        writer.open(2);
        const value = dictionary.attributes.at(attribute, 2);
        if (dictionary.isText(attribute)) writer.string(1, dictionary.strings[value]!);
        else writer.varint(3, value);
        writer.close();
      }
      writer.close();
    }
  }

  #writeStrings(writer: Writer): void {
    const { strings } = this.#dictionary;
    for (let number = 0; number <= this.strings.count; number++) {
      writer.string(Table.STRING, strings[number === 0 ? 0 : this.strings.entry(number)]!);
    }
  }

  /** The attributes of the list as packed indexes in `field`; nothing for the empty list. */
  writeAttributeIndexes(writer: Writer, field: number, list: number): void {
    if (list === 0) return;
    const dictionary = this.#dictionary;
    writer.open(field);
    for (let rest = list; rest !== 0; rest = dictionary.restOfAttributes(rest)) {
      writer.rawVarint(this.attributes.use(dictionary.attributeLists.at(rest, 0)));
    }
    writer.close();
  }
}

/** A number that is left out if it is 0. */
function writeIndex(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.varint(field, value);
}

function writeAddress(writer: Writer, field: number, low: number, high: number): void {
  if (low === 0 && high === 0) return;
  writer.tag(field, 0);
  writer.rawVarintHalves(low, high);
}
