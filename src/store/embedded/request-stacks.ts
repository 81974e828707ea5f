import type { Dictionary } from "#otlp";
import type { IntList } from "#wire";
import type { FrameStore } from "./frame-store.ts";
import type { Readers } from "./read-request.ts";
import type { RequestColumns } from "./request-columns.ts";
import type { StackStore } from "./stack-store.ts";
import { NO_ROOM } from "./text-table.ts";

const EXECUTABLE = "process.executable.name";
const FRAME_TYPE = "profile.frame.type";
/** Type of the frame by which a stack says that its callers are missing. */
const ABORT_MARKER = "abort-marker";
/** In memo columns: not looked at yet. */
const UNKNOWN = -1;
/** Keeps others from sending stacks whose hashes collide. */
const [SEED_LOW, SEED_HIGH] = crypto.getRandomValues(new Uint32Array(2));

/**
 * Stacks of one request as nodes of the store's tree. Everything is looked at when a sample needs it, and once: strings,
 * locations and stacks become numbers, and a sample costs a look-up.
 */
export class RequestStacks {
  readonly #dictionary: Dictionary;
  readonly #stacks: StackStore;
  readonly #frames: FrameStore;
  readonly #readers: Readers;
  /** By string: two hashes of its text; the first is 0 where they are not made yet. */
  readonly #textHashes: Uint32Array;
  /** By location: where its frames start in `#frameList`. */
  readonly #frameStarts: Int32Array;
  readonly #frameEnds: Int32Array;
  /** Frames of locations, the outermost first. */
  readonly #frameList: IntList;
  readonly #mappings: Int32Array;
  /** By attribute: text of the frame type, or frame of the process; 0 where it is no such attribute. */
  readonly #frameTypes: Int32Array;
  readonly #processes: Int32Array;
  /** By stack: hash of its frames, and the leaf for the process it was asked for last. */
  readonly #hashes: Uint32Array;
  readonly #leaves: Int32Array;
  readonly #leafProcess: Int32Array;
  readonly #addresses: Int32Array;
  readonly #lines: Int32Array;
  readonly #tops = new Map<number, number>();
  readonly #abortMarker: number;
  #lastProcess = UNKNOWN;
  #lastTop = 0;

  /** @param columns given anew to each request: those of the one before are no longer its own */
  constructor(
    dictionary: Dictionary,
    stacks: StackStore,
    frames: FrameStore,
    readers: Readers,
    columns: RequestColumns,
  ) {
    this.#dictionary = dictionary;
    this.#stacks = stacks;
    this.#frames = frames;
    this.#readers = readers;
    this.#abortMarker = frames.texts.ownText(ABORT_MARKER);
    const { strings, locations, mappings, attributes } = dictionary;
    columns.begin();
    this.#textHashes = columns.unsigned(strings.length * 2);
    this.#frameStarts = columns.ints(locations.length, UNKNOWN);
    this.#frameEnds = columns.ints(locations.length, 0);
    this.#mappings = columns.ints(mappings.length, UNKNOWN);
    this.#frameTypes = columns.ints(attributes.length, UNKNOWN);
    this.#processes = columns.ints(attributes.length, UNKNOWN);
    this.#hashes = columns.unsigned(dictionary.stacks.length * 2);
    this.#leaves = columns.ints(dictionary.stacks.length, 0);
    this.#leafProcess = columns.ints(dictionary.stacks.length, UNKNOWN);
    this.#frameList = columns.list();
    this.#addresses = halves(locations.address);
    this.#lines = halves(locations.lines.line);
  }

  /** The frame that stands for an executable, or `NO_ROOM`. */
  processFrame(name: string): number {
    return this.#frames.mark("process", name) || NO_ROOM;
  }

  /** The process frame that a sample's attributes name, or else the resource's. */
  processOf(attributes: Int32Array, start: number, end: number, ofResource: number): number {
    for (let at = start; at < end; at++) {
      const frame = this.#processOfAttribute(attributes[at]!);
      if (frame !== 0) return frame;
    }
    return ofResource;
  }

  /** The node of a process, child of the root; 0 where there is no room for it. */
  top(process: number): number {
    if (process === this.#lastProcess) return this.#lastTop;
    let node = this.#tops.get(process);
    if (node === undefined) this.#tops.set(process, (node = this.#stacks.child(0, process)));
    this.#lastProcess = process;
    this.#lastTop = node;
    return node;
  }

  /** What a stack of a process begins with: the process, or the mark below it that says that it's truncated. */
  outermost(leaf: number, process: number): number {
    return this.#stacks.isMarked(leaf) ? this.#stacks.outermost(leaf) : this.top(process);
  }

  /** The node of the stack's innermost frame; 0 where the store has no room for its nodes, `NO_ROOM` for its frames. */
  leafOf(stack: number, process: number): number {
    if (process === NO_ROOM) return NO_ROOM;
    if (this.#leafProcess[stack] === process) return this.#leaves[stack]!;
    if (this.#leafProcess[stack] === UNKNOWN) this.#hash(stack);
    const low = (this.#hashes[stack * 2]! ^ Math.imul(process, 0x9e3779b1)) >>> 0;
    const high = (this.#hashes[stack * 2 + 1]! ^ Math.imul(process, 0x85ebca77)) >>> 0;
    let leaf = this.#stacks.whole.get(low, high);
    if (leaf === 0) {
      leaf = this.#walk(stack, process);
      if (leaf > 0) this.#stacks.whole.set(low, high, leaf);
    }
    this.#leafProcess[stack] = process;
    this.#leaves[stack] = leaf;
    return leaf;
  }

  #walk(stack: number, process: number): number {
    const { offsets, values } = this.#dictionary.stacks;
    let node = this.top(process);
    const start = offsets[stack]!;
    for (let at = offsets[stack + 1]! - 1; at >= start && node !== 0; at--) {
      const location = values[at]!;
      const end = this.#frameEnds[location]!;
      for (let place = this.#frameStarts[location]!; place < end && node !== 0; place++) {
        const frame = this.#frameList.at(place);
        if (frame === 0) return NO_ROOM;
        node = this.#stacks.child(node, frame);
      }
    }
    return node;
  }

  #hash(stack: number): void {
    const { offsets, values } = this.#dictionary.stacks;
    const end = offsets[stack + 1]!;
    let low = SEED_LOW!;
    let high = SEED_HIGH!;
    for (let at = offsets[stack]!; at < end; at++) {
      const location = values[at]!;
      if (this.#frameStarts[location] === UNKNOWN) this.#location(location);
      const frameEnd = this.#frameEnds[location]!;
      for (let frame = this.#frameStarts[location]!; frame < frameEnd; frame++) {
        const id = this.#frameList.at(frame);
        low = Math.imul(low ^ id, 0x9e3779b1);
        low ^= low >>> 15;
        high = Math.imul(high + id, 0xc2b2ae3d);
        high ^= (high >>> 13) + low;
      }
    }
    this.#hashes[stack * 2] = low;
    this.#hashes[stack * 2 + 1] = high;
  }

  #location(location: number): void {
    const { locations, functions } = this.#dictionary;
    const mapping = this.#mapping(locations.mapping[location]!);
    const type = this.#frameType(location);
    this.#frameStarts[location] = this.#frameList.length;
    const first = locations.lineOffsets[location]!;
    for (let at = locations.lineOffsets[location + 1]! - 1; at >= first; at--) {
      const called = locations.lines.function[at]!;
      const line = this.#lines[at * 2 + 1] === 0 ? this.#lines[at * 2]! : 0;
      const name = functions.name[called]! || functions.systemName[called]!;
      this.#frameList.push(this.#frame(location, name, functions.filename[called]!, line, type, mapping));
    }
    if (this.#frameList.length === this.#frameStarts[location]) {
      this.#frameList.push(this.#frame(location, 0, 0, 0, type, mapping));
    }
    this.#frameEnds[location] = this.#frameList.length;
  }

  /**
   * The number of a frame; 0 if there is no room for it.
   *
   * @param name and file: strings of the request; type and mapping: texts of the store
   */
  #frame(location: number, name: number, file: number, line: number, type: number, mapping: number): number {
    const frames = this.#frames;
    // A frame with a name is the same wherever in the function it was hit.
    const addressLow = name === 0 ? this.#addresses[location * 2]! : 0;
    const addressHigh = name === 0 ? this.#addresses[location * 2 + 1]! : 0;
    this.#hashText(name);
    this.#hashText(file);
    const hashes = this.#textHashes;
    let low = Math.imul(hashes[name * 2]! ^ addressLow, 0x9e3779b1);
    low = Math.imul((low ^ (low >>> 15)) + hashes[file * 2]!, 0x85ebca77);
    low = Math.imul((low ^ (low >>> 13)) + type, 0xc2b2ae3d);
    low = Math.imul((low ^ (low >>> 16)) + line, 0x27d4eb2f);
    low = Math.imul((low ^ (low >>> 15)) + mapping, 0x165667b1) ^ addressHigh;
    let high = Math.imul(hashes[name * 2 + 1]! ^ addressHigh, 0xc2b2ae3d);
    high = Math.imul((high ^ (high >>> 13)) + hashes[file * 2 + 1]!, 0x9e3779b1);
    high = Math.imul((high ^ (high >>> 16)) + line, 0x85ebca77);
    high = Math.imul((high ^ (high >>> 15)) + mapping, 0x27d4eb2f) ^ addressLow;
    high = Math.imul((high ^ (high >>> 13)) + type, 0x165667b1);
    low = (low ^ (low >>> 14)) >>> 0;
    high = (high ^ (high >>> 15)) >>> 0;
    let frame = frames.whole.get(low, high);
    if (frame === 0) {
      frame =
        type === this.#abortMarker
          ? frames.mark("truncated", reasonOf(this.#dictionary.strings.text(name)))
          : frames.intern(this.#text(name), this.#text(file), line, type, mapping, addressLow, addressHigh);
      if (frame !== 0) frames.whole.set(low, high, frame);
    }
    return frame;
  }

  /** Two hashes of a string's bytes, from seeds that nobody knows. */
  #hashText(string: number): void {
    const hashes = this.#textHashes;
    if (hashes[string * 2] !== 0) return;
    const { strings } = this.#dictionary;
    const start = strings.start(string);
    const bytes = start < 0 ? strings.bytes(string) : strings.source;
    let at = Math.max(0, start);
    const end = at + strings.size(string);
    let low = SEED_LOW! ^ (end - at);
    let high = SEED_HIGH! + (end - at);
    for (; at + 4 <= end; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      low = Math.imul(low ^ word, 0x9e3779b1);
      low ^= low >>> 15;
      high = Math.imul(high + word, 0xc2b2ae3d);
      high ^= high >>> 13;
    }
    for (; at < end; at++) {
      low = Math.imul(low ^ bytes[at]!, 0x85ebca77);
      low ^= low >>> 13;
      high = Math.imul(high + bytes[at]!, 0x27d4eb2f);
      high ^= high >>> 15;
    }
    // 0 is what was not hashed yet.
    hashes[string * 2] = low === 0 ? 1 : low;
    hashes[string * 2 + 1] = high;
  }

  #text(string: number): number {
    const { strings } = this.#dictionary;
    const { texts } = this.#frames;
    const start = strings.start(string);
    if (start >= 0) return texts.intern(strings.source, start, start + strings.size(string));
    const bytes = strings.bytes(string);
    return texts.intern(bytes, 0, bytes.length);
  }

  /** The name of a mapping's file without its folder. */
  #mapping(mapping: number): number {
    let text = this.#mappings[mapping]!;
    if (text === UNKNOWN) {
      const path = this.#dictionary.strings.text(this.#dictionary.mappings.filename[mapping]!);
      text = this.#frames.texts.internText(path.slice(path.lastIndexOf("/") + 1));
      this.#mappings[mapping] = text;
    }
    return text;
  }

  #frameType(location: number): number {
    const { offsets, values } = this.#dictionary.locations.attributes;
    for (let at = offsets[location]!; at < offsets[location + 1]!; at++) {
      const attribute = values[at]!;
      let type = this.#frameTypes[attribute]!;
      if (type === UNKNOWN) {
        type = this.#frames.texts.internText(this.#attribute(attribute, FRAME_TYPE) ?? "");
        this.#frameTypes[attribute] = type;
      }
      if (type !== 0) return type;
    }
    return 0;
  }

  #processOfAttribute(attribute: number): number {
    let frame = this.#processes[attribute]!;
    if (frame === UNKNOWN) {
      const name = this.#attribute(attribute, EXECUTABLE);
      frame = name === undefined ? 0 : this.processFrame(name);
      this.#processes[attribute] = frame;
    }
    return frame;
  }

  /** The text of an attribute; undefined if it has another key or is no text. */
  #attribute(attribute: number, key: string): string | undefined {
    const { attributes, strings } = this.#dictionary;
    if (strings.text(attributes.key[attribute]!) !== key) return undefined;
    const value = this.#readers.decodeAnyValue(attributes.values.bytes(attribute), strings);
    return value.kind === "string" ? value.value : undefined;
  }
}

/** `[truncated]` says no more than the type does. */
function reasonOf(name: string): string {
  return name.replace(/^\[(.*)\]$/, "$1");
}

/** The halves of 64-bit numbers: low ones at even positions. */
function halves(column: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2);
}
