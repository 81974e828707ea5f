import { decodeText, Reader, WireType } from "#wire";
import { MAX_STACK_FRAMES, StackTableBuilder, StringBlock } from "../flame/index.ts";
import { FileProblem, type FileProfile, type Report, type SampleTypeText } from "./file-profile.ts";
import { FrameInterner } from "./frame-interner.ts";
import { IdMap } from "./id-map.ts";
import { tooLarge } from "./read-folded.ts";

/** Field numbers of profile.proto (github.com/google/pprof, proto/profile.proto). */
const Field = {
  SAMPLE_TYPE: 1,
  SAMPLE: 2,
  MAPPING: 3,
  LOCATION: 4,
  FUNCTION: 5,
  STRING_TABLE: 6,
  DURATION_NANOS: 10,
  DEFAULT_SAMPLE_TYPE: 14,
} as const;

/** Samples between two reports of progress. */
const REPORT_EVERY = 1 << 13;
/** Deeper stacks are an error: no profiler records them. */
const MAX_DEPTH = 1 << 16;
/** What mappings of the kernel are called by pprof writers and perf. */
const KERNEL_MAPPING = /^\[(?:kernel|guest\.kernel|vmlinux)|(?:^|\/)vmlinux|\.ko(?:\.\w+)?$/;

/**
 * Reads a pprof file straight into stacks, for files of a million samples: labels, addresses and all sample types but one
 * are passed over, and nothing is an object a sample. What frames are called is as in `Frames` of the formats.
 */
export function readPprof(
  bytes: Uint8Array,
  sampleType: number | undefined,
  report: Report,
): FileProfile | FileProblem {
  return new PprofReader(bytes).read(sampleType, report);
}

class PprofReader {
  readonly #bytes: Uint8Array;
  readonly #file = new Reader();
  readonly #entry = new Reader();
  readonly #inner = new Reader();
  #texts = new TextTable();
  readonly #frames = new FrameInterner();
  /** Texts by function: name and file; lines. Three words each. */
  readonly #functions = new IdMap();
  readonly #functionWords: number[] = [];
  /** By mapping: text of the file, and whether it is the kernel's. */
  readonly #mappings = new IdMap();
  readonly #mappingFiles: number[] = [];
  readonly #mappingKernel: boolean[] = [];
  /** Frames by location, the outermost first: `locationFrames[starts[i]] … locationFrames[starts[i + 1] - 1]`. */
  readonly #locations = new IdMap();
  readonly #locationStarts: number[] = [0];
  readonly #locationFrames: number[] = [];
  /** Locations of the sample at hand, leaf first. */
  #stack = new Int32Array(128);
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(wanted: number | undefined, report: Report): FileProfile | FileProblem {
    const broken = this.#readStrings();
    if (broken) return broken;
    const { types, defaultType, durationNanos } = this.#readHeader();
    if (types.length === 0) return new FileProblem("the pprof file has no sample type", "record it anew");
    this.#each(Field.FUNCTION, () => this.#readFunction());
    this.#each(Field.MAPPING, () => this.#readMapping());
    this.#each(Field.LOCATION, () => this.#readLocation());
    const named = types.findIndex(({ type }) => type === defaultType);
    // Without a default pprof shows the last type.
    const chosen = wanted ?? (named >= 0 ? named : types.length - 1);
    const sampleType = Math.min(Math.max(0, chosen), types.length - 1);
    const samples = this.#readSamples(sampleType, report);
    if (samples instanceof FileProblem) return samples;
    const { unit, type } = types[sampleType]!;
    return {
      format: "pprof",
      sampleTypes: types,
      sampleType,
      stacks: samples.builder.finish(),
      frames: this.#frames.finish(this.#texts.finish()),
      coveredMs: unit === "nanoseconds" && /cpu/i.test(type) && durationNanos > 0 ? durationNanos / 1e6 : undefined,
      ignored: samples.ignored,
    };
  }

  /** Walks the whole file, so that what is cut off is found here. */
  #readStrings(): FileProblem | undefined {
    const file = this.#file;
    file.reset(this.#bytes, 0, this.#bytes.length);
    // Text 0 is empty by definition, whatever the file has there.
    if (file.nextOf(Field.STRING_TABLE)) this.#texts.add(this.#bytes, file.end, file.end);
    while (file.nextOf(Field.STRING_TABLE)) this.#texts.add(this.#bytes, file.start, file.end);
    if (!file.failed) return undefined;
    return new FileProblem(
      `the pprof file is broken at byte ${file.fieldStart}: ${file.error().message}`,
      "download or record it anew",
    );
  }

  #readHeader(): { types: SampleTypeText[]; defaultType: string; durationNanos: number } {
    const file = this.#file;
    const types: SampleTypeText[] = [];
    let defaultType = "";
    let durationNanos = 0;
    file.reset(this.#bytes, 0, this.#bytes.length);
    while (file.next()) {
      if (file.field === Field.SAMPLE_TYPE && file.wireType === WireType.LEN) {
        const texts = ["", ""];
        this.#entry.reset(this.#bytes, file.start, file.end);
        while (this.#entry.next()) {
          const { field, wireType } = this.#entry;
          if (wireType === WireType.VARINT && (field === 1 || field === 2)) {
            texts[field - 1] = this.#texts.text(this.#entry.uint());
          }
        }
        types.push({ type: texts[0]!, unit: texts[1]! });
      } else if (file.wireType === WireType.VARINT) {
        if (file.field === Field.DEFAULT_SAMPLE_TYPE) defaultType = this.#texts.text(file.uint());
        else if (file.field === Field.DURATION_NANOS) durationNanos = file.int();
      }
    }
    return { types, defaultType, durationNanos };
  }

  #each(field: number, read: () => void): void {
    const file = this.#file;
    file.reset(this.#bytes, 0, this.#bytes.length);
    while (file.nextOf(field)) {
      this.#entry.reset(this.#bytes, file.start, file.end);
      read();
    }
  }

  #readFunction(): void {
    const entry = this.#entry;
    let id = 0;
    let name = 0;
    let systemName = 0;
    let file = 0;
    let line = 0;
    while (entry.next()) {
      if (entry.wireType !== WireType.VARINT) continue;
      const value = entry.uint();
      if (entry.field === 1) id = value;
      else if (entry.field === 2) name = value;
      else if (entry.field === 3) systemName = value;
      else if (entry.field === 4) file = value;
      else if (entry.field === 5) line = value <= 0xffffffff ? value : 0;
    }
    const text = this.#texts.isEmpty(name) ? systemName : name;
    this.#functions.set(id, this.#functionWords.length / 3);
    this.#functionWords.push(this.#texts.checked(text), this.#texts.checked(file), line);
  }

  #readMapping(): void {
    const entry = this.#entry;
    let id = 0;
    let file = 0;
    while (entry.next()) {
      if (entry.wireType !== WireType.VARINT) continue;
      if (entry.field === 1) id = entry.uint();
      else if (entry.field === 5) file = this.#texts.checked(entry.uint());
    }
    this.#mappings.set(id, this.#mappingFiles.length);
    this.#mappingFiles.push(file);
    this.#mappingKernel.push(KERNEL_MAPPING.test(this.#texts.text(file)));
  }

  #readLocation(): void {
    const entry = this.#entry;
    let id = 0;
    let mapping = -1;
    let address = 0n;
    // Functions, the innermost first.
    const lines: number[] = [];
    while (entry.next()) {
      if (entry.wireType === WireType.LEN && entry.field === 4) lines.push(this.#readLine());
      else if (entry.wireType !== WireType.VARINT) continue;
      else if (entry.field === 1) id = entry.uint();
      else if (entry.field === 2) mapping = this.#mappings.get(entry.uint());
      else if (entry.field === 3) address = entry.uint64();
    }
    const mapped = mapping >= 0 ? this.#mappingFiles[mapping]! : 0;
    const type = mapping >= 0 && this.#mappingKernel[mapping] === true ? this.#texts.number("kernel") : 0;
    if (lines.length === 0) lines.push(-1);
    for (let at = lines.length - 1; at >= 0; at--) {
      const called = lines[at]!;
      const word = called * 3;
      let name = called >= 0 ? this.#functionWords[word]! : 0;
      const file = called >= 0 ? this.#functionWords[word + 1]! : 0;
      const line = called >= 0 ? this.#functionWords[word + 2]! : 0;
      if (this.#texts.isEmpty(name)) name = this.#texts.number(unnamed(this.#texts.text(file || mapped), address));
      this.#locationFrames.push(this.#frames.intern(name, file, mapped, type, line));
    }
    this.#locations.set(id, this.#locationStarts.length - 1);
    this.#locationStarts.push(this.#locationFrames.length);
  }

  /** The function of a line; -1 where there is none. */
  #readLine(): number {
    const inner = this.#inner;
    inner.reset(this.#bytes, this.#entry.start, this.#entry.end);
    let called = -1;
    while (inner.next()) {
      if (inner.field === 1 && inner.wireType === WireType.VARINT) called = this.#functions.get(inner.uint());
    }
    return called;
  }

  #readSamples(wanted: number, report: Report): { builder: StackTableBuilder; ignored: number } | FileProblem {
    const builder = new StackTableBuilder();
    const starts = Int32Array.from(this.#locationStarts);
    const frames = Int32Array.from(this.#locationFrames);
    const file = this.#file;
    let ignored = 0;
    let count = 0;
    file.reset(this.#bytes, 0, this.#bytes.length);
    while (file.nextOf(Field.SAMPLE)) {
      if (++count % REPORT_EVERY === 0) report(file.position / this.#bytes.length);
      const value = this.#readSample(wanted);
      if (value === undefined) {
        return new FileProblem(`sample ${count - 1} of the pprof file is broken`, "download or record it anew");
      }
      if (!(value > 0)) {
        ignored++;
        continue;
      }
      for (let at = this.#depth - 1; at >= 0; at--) {
        const location = this.#stack[at]!;
        for (let frame = starts[location]!; frame < starts[location + 1]!; frame++) builder.push(frames[frame]!);
      }
      builder.close(value);
      if (builder.frameCount > MAX_STACK_FRAMES) return tooLarge();
    }
    return { builder, ignored };
  }

  /** Puts the locations into `#stack`; returns the wanted value, or undefined where the sample is broken. */
  #readSample(wanted: number): number | undefined {
    const entry = this.#entry;
    entry.reset(this.#bytes, this.#file.start, this.#file.end);
    this.#depth = 0;
    let values = 0;
    let value = 0;
    while (entry.next()) {
      const { field, wireType } = entry;
      if (field > 2 || (wireType !== WireType.LEN && wireType !== WireType.VARINT)) continue;
      for (let at = entry.start; at < entry.end;) {
        // Ids and values below 128 are one byte, most others two: the general reader is for the rest.
        const byte = this.#bytes[at]!;
        let number = byte;
        if (byte < 0x80) at++;
        else if (at + 1 < entry.end && this.#bytes[at + 1]! < 0x80) {
          number = (byte & 0x7f) | (this.#bytes[at + 1]! << 7);
          at += 2;
        } else {
          if (wireType === WireType.LEN) {
            at = entry.packedVarint(at);
            if (at < 0) return undefined;
          } else at = entry.end;
          number = entry.int();
        }
        if (field === 1) {
          const location = this.#locations.get(number);
          if (location < 0 || this.#depth === MAX_DEPTH) return undefined;
          if (this.#depth === this.#stack.length) {
            const larger = new Int32Array(this.#depth * 2);
            larger.set(this.#stack);
            this.#stack = larger;
          }
          this.#stack[this.#depth++] = location;
        } else if (values++ === wanted) value = number;
      }
    }
    return entry.failed || values <= wanted ? undefined : value;
  }
}

/** What a location without a function is called. */
function unnamed(file: string, address: bigint): string {
  const base = file.slice(file.lastIndexOf("/") + 1);
  if (address === 0n) return base === "" ? "[unknown]" : `[${base}]`;
  return base === "" ? `0x${address.toString(16)}` : `${base}+0x${address.toString(16)}`;
}

/** The file's string table, and behind it the texts that are made here. */
class TextTable {
  #bytes = new Uint8Array(64 << 10);
  #offsets = new Uint32Array(1024);
  #length = 0;
  readonly #made = new Map<string, number>();

  add(from: Uint8Array, start: number, end: number): number {
    const at = this.#offsets[this.#length]!;
    const last = at + end - start;
    if (last > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(last, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    // Names are short: a loop beats a view and its copy.
    for (let index = start; index < end; index++) this.#bytes[at + index - start] = from[index]!;
    if (this.#length + 2 > this.#offsets.length) {
      const offsets = new Uint32Array(this.#offsets.length * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#offsets[++this.#length] = last;
    return this.#length - 1;
  }

  /** The number of a text that is not the file's. */
  number(text: string): number {
    let number = this.#made.get(text);
    if (number === undefined) {
      const bytes = new TextEncoder().encode(text);
      number = this.add(bytes, 0, bytes.length);
      this.#made.set(text, number);
    }
    return number;
  }

  /** The same number, or 0 where there is no such text. */
  checked(number: number): number {
    return number < this.#length ? number : 0;
  }

  isEmpty(number: number): boolean {
    return number >= this.#length || this.#offsets[number] === this.#offsets[number + 1];
  }

  text(number: number): string {
    if (number >= this.#length) return "";
    return decodeText(this.#bytes, this.#offsets[number]!, this.#offsets[number + 1]!);
  }

  finish(): StringBlock {
    // Text 0 stands for none; a file without a string table has none.
    if (this.#length === 0) this.number("");
    return new StringBlock(this.#bytes.slice(0, this.#offsets[this.#length]), this.#offsets.slice(0, this.#length + 1));
  }
}
