import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeValue,
  ModelBuilder,
  SamplesBuilder,
  type ProfileRecord,
  type ProfilesModel,
  type Samples,
  type ValueTypeRecord,
} from "#otlp";
import { ParseError, Reader, WireType } from "#wire";
import { encodeScope } from "./attributes.ts";
import { Key } from "./conventions.ts";
import type { ReadOptions } from "./format.ts";
import { inflate } from "./inflate.ts";
import { PprofLabels } from "./pprof-labels.ts";
import {
  FunctionField,
  LineField,
  LocationField,
  MappingField,
  ProfileField,
  SampleField,
  ValueTypeField,
} from "./pprof-schema.ts";

/** Real profiles have at most a dozen; each becomes a profile of its own. */
const MAX_SAMPLE_TYPES = 64;
/** Entries of one table, and samples, at most. */
const MAX_ENTRIES = 4 << 20;
/** Frames of all distinct stacks together, at most: 256 MiB of indexes. */
const MAX_STACK_FRAMES = 64 << 20;

/**
 * Reads a pprof file, compressed or not. Each sample type becomes a profile (OTLP has one a profile), in the file's
 * order but for the default type (the last where none is told), which comes first: `pprof.scope.sample_type_order` keeps the order. What pprof alone
 * has becomes the `pprof.*` attributes of the semantic conventions; labels become attributes of samples, those of one
 * key a list. Ids are not kept.
 *
 * An index or id that leads nowhere, or values that are not one for each type, are a ParseError, as in pprof itself.
 */
export function readPprof(bytes: Uint8Array, options: ReadOptions = {}): ProfilesModel | ParseError {
  const plain = inflate(bytes, options.maxInflatedBytes);
  return plain instanceof ParseError ? plain : new PprofReader(plain).read();
}

/** One reading. Methods return what is wrong, or undefined. */
class PprofReader {
  readonly #bytes: Uint8Array;
  readonly #builder: ModelBuilder;
  /** The file, a message in it, a message in that. */
  readonly #file = new Reader();
  readonly #entry = new Reader();
  readonly #inner = new Reader();
  /** Strings of the model by index in the file; likewise by id. */
  #strings = new Int32Array(0);
  readonly #functions = new Map<number | bigint, number>([[0, 0]]);
  readonly #mappings = new Map<number | bigint, number>([[0, 0]]);
  readonly #locations = new Map<number | bigint, number>();
  readonly #types: ValueTypeRecord[] = [];
  readonly #comments: number[] = [];
  #periodType: ValueTypeRecord = EMPTY_PROFILE.periodType;
  #period = 0n;
  #timeNanos = 0n;
  #durationNanos = 0n;
  #dropFrames = 0;
  #keepFrames = 0;
  #docUrl = 0;
  #defaultType = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#builder = new ModelBuilder(bytes);
  }

  read(): ProfilesModel | ParseError {
    const problem =
      this.#readStrings() ??
      this.#readScalars() ??
      this.#readEach(ProfileField.FUNCTION, "function", () => this.#readFunction()) ??
      this.#readEach(ProfileField.MAPPING, "mapping", () => this.#readMapping()) ??
      this.#readEach(ProfileField.LOCATION, "location", () => this.#readLocation());
    if (problem) return problem;
    const samples = this.#readSamples();
    return samples instanceof ParseError ? samples : this.#model(samples);
  }

  /** Walks the whole file, so that nothing after this can be cut off. */
  #readStrings(): ParseError | undefined {
    const file = this.#file;
    file.reset(this.#bytes, 0, this.#bytes.length);
    let count = 0;
    while (file.next()) if (file.field === ProfileField.STRING_TABLE && file.wireType === WireType.LEN) count++;
    if (file.failed) return file.error().within(`byte ${file.fieldStart}`);
    if (count > MAX_ENTRIES) return new ParseError(`more than ${MAX_ENTRIES} entries`, "string_table");
    this.#strings = new Int32Array(count);
    let at = 0;
    file.reset(this.#bytes, 0, this.#bytes.length);
    while (file.nextOf(ProfileField.STRING_TABLE)) {
      this.#strings[at++] = this.#builder.stringBytes(this.#bytes.subarray(file.start, file.end));
    }
    return undefined;
  }

  #readScalars(): ParseError | undefined {
    const file = this.#file;
    file.reset(this.#bytes, 0, this.#bytes.length);
    let problem: ParseError | undefined;
    const string = (place: string): number => {
      const index = this.#string(file);
      if (index < 0) problem ??= noString(file, place);
      return index;
    };
    while (!problem && file.next()) {
      if (file.wireType === WireType.LEN) {
        if (file.field === ProfileField.SAMPLE_TYPE || file.field === ProfileField.PERIOD_TYPE) {
          problem = this.#readType(file.field === ProfileField.PERIOD_TYPE);
        } else if (file.field === ProfileField.COMMENT) problem = this.#readPackedComments();
      } else if (file.wireType === WireType.VARINT) {
        if (file.field === ProfileField.TIME_NANOS) this.#timeNanos = file.int64();
        else if (file.field === ProfileField.DURATION_NANOS) this.#durationNanos = file.int64();
        else if (file.field === ProfileField.PERIOD) this.#period = file.int64();
        else if (file.field === ProfileField.COMMENT) this.#comments.push(string("comment"));
        else if (file.field === ProfileField.DROP_FRAMES) this.#dropFrames = string("drop_frames");
        else if (file.field === ProfileField.KEEP_FRAMES) this.#keepFrames = string("keep_frames");
        else if (file.field === ProfileField.DEFAULT_SAMPLE_TYPE) this.#defaultType = string("default_sample_type");
        else if (file.field === ProfileField.DOC_URL) this.#docUrl = string("doc_url");
      }
    }
    return problem;
  }

  #readType(isPeriod: boolean): ParseError | undefined {
    const place = isPeriod ? "period_type" : `sample_type[${this.#types.length}]`;
    const { type, unit, problem } = this.#valueType(place);
    if (problem) return problem;
    const record: ValueTypeRecord = { type, unit, temporality: 0 };
    if (isPeriod) this.#periodType = record;
    else if (this.#types.push(record) > MAX_SAMPLE_TYPES) {
      return new ParseError(`more than ${MAX_SAMPLE_TYPES} sample types`, "sample_type");
    }
    return undefined;
  }

  #valueType(place: string): { type: number; unit: number; problem: ParseError | undefined } {
    const entry = this.#entry;
    entry.reset(this.#bytes, this.#file.start, this.#file.end);
    let type = 0;
    let unit = 0;
    while (entry.next()) {
      if (entry.wireType !== WireType.VARINT) continue;
      if (entry.field === ValueTypeField.TYPE) type = this.#string(entry);
      else if (entry.field === ValueTypeField.UNIT) unit = this.#string(entry);
      if (type < 0 || unit < 0) return { type, unit, problem: noString(entry, place) };
    }
    return { type, unit, problem: entry.failed ? entry.error().within(place) : undefined };
  }

  #readPackedComments(): ParseError | undefined {
    const file = this.#file;
    for (let at = file.start; at < file.end;) {
      at = file.packedVarint(at);
      if (at < 0) return file.error().within("comment");
      const index = this.#string(file);
      if (index < 0) return noString(file, "comment");
      this.#comments.push(index);
    }
    return undefined;
  }

  /** Goes through the entries of a table; `read` returns the problem of the current one. */
  #readEach(field: number, name: string, read: () => ParseError | undefined): ParseError | undefined {
    const file = this.#file;
    file.reset(this.#bytes, 0, this.#bytes.length);
    for (let index = 0; file.nextOf(field); index++) {
      if (index === MAX_ENTRIES) return new ParseError(`more than ${MAX_ENTRIES} entries`, name);
      this.#entry.reset(this.#bytes, file.start, file.end);
      const problem = read() ?? (this.#entry.failed ? this.#entry.error() : undefined);
      if (problem) return problem.within(`${name}[${index}]`);
    }
    return undefined;
  }

  #readFunction(): ParseError | undefined {
    const entry = this.#entry;
    let id: number | bigint = 0;
    let name = 0;
    let systemName = 0;
    let filename = 0;
    let startLine = 0n;
    while (entry.next()) {
      if (entry.wireType !== WireType.VARINT) continue;
      if (entry.field === FunctionField.ID) id = idOf(entry);
      else if (entry.field === FunctionField.START_LINE) startLine = entry.int64();
      else if (entry.field >= FunctionField.NAME && entry.field <= FunctionField.FILENAME) {
        const index = this.#string(entry);
        if (index < 0) return noString(entry);
        if (entry.field === FunctionField.NAME) name = index;
        else if (entry.field === FunctionField.SYSTEM_NAME) systemName = index;
        else filename = index;
      }
    }
    if (id === 0) return new ParseError("no id");
    this.#functions.set(id, this.#builder.function(name, systemName, filename, startLine));
    return undefined;
  }

  #readMapping(): ParseError | undefined {
    const entry = this.#entry;
    const builder = this.#builder;
    const found = { memoryStart: 0n, memoryLimit: 0n, fileOffset: 0n, filename: 0 };
    const attributes: number[] = [];
    let id: number | bigint = 0;
    while (entry.next()) {
      if (entry.wireType !== WireType.VARINT) continue;
      const { field } = entry;
      if (field === MappingField.ID) id = idOf(entry);
      else if (field === MappingField.MEMORY_START) found.memoryStart = entry.uint64();
      else if (field === MappingField.MEMORY_LIMIT) found.memoryLimit = entry.uint64();
      else if (field === MappingField.FILE_OFFSET) found.fileOffset = entry.uint64();
      else if (field === MappingField.FILENAME || field === MappingField.BUILD_ID) {
        const index = this.#string(entry);
        if (index < 0) return noString(entry);
        if (field === MappingField.FILENAME) found.filename = index;
        else if (index !== 0) {
          const text = builder.columns.strings.text(index);
          attributes.push(builder.attribute(builder.string(Key.BUILD_ID_GNU), text));
        }
      } else if (entry.low !== 0) {
        const key = HAS_KEYS[field];
        if (key !== undefined) attributes.push(builder.attribute(builder.string(key), true));
      }
    }
    if (id === 0) return new ParseError("no id");
    this.#mappings.set(id, builder.mapping({ ...found, attributes }));
    return undefined;
  }

  #readLocation(): ParseError | undefined {
    const entry = this.#entry;
    const builder = this.#builder;
    const lines: { function: number; line: bigint; column: bigint }[] = [];
    let id: number | bigint = 0;
    let mapping: number | undefined = 0;
    let address = 0n;
    let folded = false;
    while (entry.next()) {
      if (entry.field === LocationField.LINE && entry.wireType === WireType.LEN) {
        const problem = this.#readLine(lines);
        if (problem) return problem.within(`line[${lines.length}]`);
      } else if (entry.wireType !== WireType.VARINT) continue;
      else if (entry.field === LocationField.ID) id = idOf(entry);
      else if (entry.field === LocationField.ADDRESS) address = entry.uint64();
      else if (entry.field === LocationField.IS_FOLDED) folded = entry.low !== 0;
      else if (entry.field === LocationField.MAPPING_ID) {
        mapping = this.#mappings.get(idOf(entry));
        if (mapping === undefined) return new ParseError(`mapping ${idOf(entry)} does not exist`, "mapping_id");
      }
    }
    if (id === 0) return new ParseError("no id");
    const attributes = folded ? [builder.attribute(builder.string(Key.IS_FOLDED), true)] : [];
    this.#locations.set(id, builder.location({ mapping, address, lines, attributes }));
    return undefined;
  }

  #readLine(lines: { function: number; line: bigint; column: bigint }[]): ParseError | undefined {
    const inner = this.#inner;
    inner.reset(this.#bytes, this.#entry.start, this.#entry.end);
    let called: number | undefined = 0;
    let line = 0n;
    let column = 0n;
    while (inner.next()) {
      if (inner.wireType !== WireType.VARINT) continue;
      if (inner.field === LineField.LINE) line = inner.int64();
      else if (inner.field === LineField.COLUMN) column = inner.int64();
      else if (inner.field === LineField.FUNCTION_ID) {
        called = this.#functions.get(idOf(inner));
        if (called === undefined) return new ParseError(`function ${idOf(inner)} does not exist`, "function_id");
      }
    }
    lines.push({ function: called, line, column });
    return inner.failed ? inner.error() : undefined;
  }

  /** Samples for each type: all columns but the values are shared. */
  #readSamples(): readonly Samples[] | ParseError {
    const samples = new SamplesBuilder();
    const labels = new PprofLabels(this.#builder, this.#strings);
    const width = this.#types.length;
    const problem = this.#readEach(ProfileField.SAMPLE, "sample", () => this.#readSample(samples, labels, width));
    return problem ?? splitByType(samples.finish(), width);
  }

  #readSample(samples: SamplesBuilder, labels: PprofLabels, width: number): ParseError | undefined {
    const entry = this.#entry;
    const { stacks } = this.#builder.columns;
    let values = 0;
    while (entry.next()) {
      const { field, wireType } = entry;
      if (field === SampleField.LABEL && wireType === WireType.LEN) {
        const problem = labels.read(entry);
        if (problem) return problem;
      } else if (field === SampleField.LOCATION_ID || field === SampleField.VALUE) {
        const packed = wireType === WireType.LEN;
        if (!packed && wireType !== WireType.VARINT) continue;
        for (let at = entry.start; at < entry.end;) {
          if (packed) at = entry.packedVarint(at);
          else at = entry.end;
          if (at < 0) break;
          if (field === SampleField.LOCATION_ID) {
            const location = this.#locations.get(idOf(entry));
            if (location === undefined) return new ParseError(`location ${idOf(entry)} does not exist`, "location_id");
            stacks.locations.values.push(location);
          } else if (++values <= width) samples.values.push(entry.low, entry.high);
        }
      }
    }
    if (entry.failed) return undefined;
    if (values !== width) return new ParseError(`${values} values for ${width} sample types`, "value");
    if (stacks.locations.values.length > MAX_STACK_FRAMES) {
      return new ParseError(`stacks have more than ${MAX_STACK_FRAMES} frames`);
    }
    labels.finish(samples.attributes);
    stacks.locations.close();
    samples.close(this.#builder.internStack(), 0);
    return undefined;
  }

  #model(samples: readonly Samples[]): ProfilesModel {
    const { strings } = this.#builder.columns;
    const attributes = Int32Array.from(this.#profileAttributes());
    const common = {
      ...EMPTY_PROFILE,
      periodType: this.#periodType,
      period: this.#period,
      timeUnixNano: this.#timeNanos,
      durationNano: this.#durationNanos,
      attributes,
    };
    let profiles: ProfileRecord[] = this.#types.map((type, at) => ({
      ...common,
      types: [type],
      samples: samples[at]!,
    }));
    // A file without types has no samples, but may have comments.
    if (profiles.length === 0) profiles = [{ ...common, types: [{ type: 0, unit: 0, temporality: 0 }] }];
    const scope: [string, Uint8Array][] = [];
    if (this.#defaultType !== 0) {
      scope.push([Key.DEFAULT_SAMPLE_TYPE, encodeValue(strings.text(this.#defaultType))]);
    }
    // Who looks at OTLP shows the first profile; who looks at pprof the default type, or the last where none is told.
    const named = this.#types.findIndex(({ type }) => type === this.#defaultType);
    const first = this.#defaultType === 0 ? this.#types.length - 1 : named;
    if (first > 0) {
      const order = [first, ...[...this.#types.keys()].filter((at) => at !== first)];
      scope.push([Key.SAMPLE_TYPE_ORDER, encodeValue(order.map(BigInt))]);
      profiles = order.map((at) => profiles[at]!);
    }
    const scopes = [{ ...EMPTY_SCOPE, scope: encodeScope(scope), profiles }];
    return this.#builder.finish([{ ...EMPTY_RESOURCE, scopes }]);
  }

  #profileAttributes(): number[] {
    const builder = this.#builder;
    const { strings } = builder.columns;
    const found: number[] = [];
    const add = (key: string, value: string | readonly string[]): void => {
      found.push(builder.attribute(builder.string(key), value));
    };
    if (this.#comments.length > 0)
      add(
        Key.COMMENT,
        this.#comments.map((index) => strings.text(index)),
      );
    if (this.#dropFrames !== 0) add(Key.DROP_FRAMES, strings.text(this.#dropFrames));
    if (this.#keepFrames !== 0) add(Key.KEEP_FRAMES, strings.text(this.#keepFrames));
    if (this.#docUrl !== 0) add(Key.DOC_URL, strings.text(this.#docUrl));
    return found;
  }

  /** The string whose index is the reader's current number; -1 where there is none. */
  #string({ low, high }: Reader): number {
    if (high !== 0 || low < 0) return -1;
    // An index of 0 is the empty string, also in a file whose table is empty.
    return this.#strings[low] ?? (low === 0 ? 0 : -1);
  }
}

const HAS_KEYS: Readonly<Record<number, string>> = {
  [MappingField.HAS_FUNCTIONS]: Key.HAS_FUNCTIONS,
  [MappingField.HAS_FILENAMES]: Key.HAS_FILENAMES,
  [MappingField.HAS_LINE_NUMBERS]: Key.HAS_LINE_NUMBERS,
  [MappingField.HAS_INLINE_FRAMES]: Key.HAS_INLINE_FRAMES,
};

/** Ids are any 64 bits; small ones, as nearly all are, stay numbers. */
function idOf(reader: Reader): number | bigint {
  return reader.high === 0 ? reader.low >>> 0 : reader.uint64();
}

function noString(reader: Reader, place = ""): ParseError {
  return new ParseError(`string ${reader.int64()} does not exist`, place);
}

/** Samples with `width` values each as that many samples with one value each. */
function splitByType(samples: Samples, width: number): readonly Samples[] {
  if (width <= 1) return [samples];
  const valueOffsets = Int32Array.from({ length: samples.length + 1 }, (_, at) => at);
  return Array.from({ length: width }, (_, type) => {
    const values = new BigInt64Array(samples.length);
    for (let at = 0; at < values.length; at++) values[at] = samples.values[at * width + type]!;
    return { ...samples, valueOffsets, values };
  });
}
