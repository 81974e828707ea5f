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
/** Of a stack that has more frames than it may have, or whose request has. */
export const TOO_DEEP = -2;
/** In memo columns: not looked at yet. */
const UNKNOWN = -1;
/** Frames of a stack: what runs away in recursion is 10,000 deep in V8, and less elsewhere. */
const MAX_FRAMES = 1 << 14;
/**
 * Frames that the stacks of one request may have together: so many for each location that they name, and some to spare. A
 * few bytes name a location, which may have thousands of frames: what is sent small must not become large without bound.
 */
const FRAMES_A_LOCATION = 4;
const SPARE_FRAMES = 1 << 20;
/** Stacks that are looked up at once: their frames and nodes stay near the processor. */
const TOGETHER = 64;
/** Keeps others from sending stacks whose hashes collide. */
const [SEED_LOW, SEED_HIGH] = crypto.getRandomValues(new Uint32Array(2));

/**
 * Stacks of one request as nodes of the store's tree. What samples want is looked up together: strings, locations and
 * stacks become numbers once, and a sample costs a look-up.
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
  /** Frames of locations, the outermost first, and two hashes of each. */
  readonly #frameList: IntList;
  readonly #frameHashes: IntList;
  /** Locations whose frames have hashes only. */
  readonly #newLocations: IntList;
  readonly #mappings: Int32Array;
  /** By attribute: text of the frame type, or frame of the process; 0 where it is no such attribute. */
  readonly #frameTypes: Int32Array;
  readonly #processes: Int32Array;
  /**
   * By stack: hash of its frames (0 where it isn't made yet), their number or `TOO_DEEP`, and the leaf for the process that
   * was wanted last.
   */
  readonly #hashes: Uint32Array;
  readonly #depths: Int32Array;
  readonly #leaves: Int32Array;
  readonly #leafProcess: Int32Array;
  readonly #addresses: Int32Array;
  readonly #lines: Int32Array;
  /** Stacks and processes that samples want and that were not looked up yet. */
  readonly #wanted: IntList;
  readonly #wantedProcesses: IntList;
  /** For some of those: hashes and leaves; of those not remembered: frames, and where in them and in the tree each is. */
  readonly #keys: IntList;
  readonly #found: IntList;
  readonly #paths: IntList;
  readonly #positions: IntList;
  readonly #ends: IntList;
  readonly #nodes: IntList;
  /** Frames that may still be hashed, and followed in the tree. */
  #hashable: number;
  #walkable: number;
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
    this.#hashable = this.#walkable = SPARE_FRAMES + dictionary.stacks.values.length * FRAMES_A_LOCATION;
    this.#depths = columns.ints(dictionary.stacks.length, UNKNOWN);
    this.#leaves = columns.ints(dictionary.stacks.length, 0);
    this.#leafProcess = columns.ints(dictionary.stacks.length, UNKNOWN);
    this.#frameList = columns.list();
    this.#frameHashes = columns.list();
    this.#newLocations = columns.list();
    this.#wanted = columns.list();
    this.#wantedProcesses = columns.list();
    this.#keys = columns.list();
    this.#found = columns.list();
    this.#paths = columns.list();
    this.#positions = columns.list();
    this.#ends = columns.list();
    this.#nodes = columns.list();
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

  /** Tells that `leafOf` will be asked. */
  want(stack: number, process: number): void {
    if (process === NO_ROOM || this.#leafProcess[stack] === process) return;
    this.#leafProcess[stack] = process;
    this.#wanted.push(stack);
    this.#wantedProcesses.push(process);
  }

  /** Looks up all that is wanted. */
  lookUp(): void {
    const { values: wanted, length } = this.#wanted;
    for (let at = 0; at < length; at++) this.#measure(wanted[at]!);
    this.#lookUpFrames();
    for (let at = 0; at < length; at++) this.#hash(wanted[at]!);
    for (let at = 0; at < length; at += TOGETHER) this.#lookUpStacks(at, Math.min(length, at + TOGETHER));
    this.#wanted.clear();
    this.#wantedProcesses.clear();
  }

  /**
   * The node of the stack's innermost frame; 0 where the store has no room for its nodes, `NO_ROOM` for its frames,
   * `TOO_DEEP` where they are too many.
   */
  leafOf(stack: number, process: number): number {
    if (process === NO_ROOM) return NO_ROOM;
    if (this.#leafProcess[stack] !== process) {
      this.want(stack, process);
      this.lookUp();
    }
    return this.#leaves[stack]!;
  }

  /** Leaves of what is wanted from one place in the list to another. */
  #lookUpStacks(start: number, end: number): void {
    const { values: wanted } = this.#wanted;
    const { values: processes } = this.#wantedProcesses;
    const [stacks, hashes, keys, found] = [this.#stacks, this.#hashes, this.#keys, this.#found];
    for (const list of [keys, found, this.#paths, this.#positions, this.#ends, this.#nodes]) list.clear();
    for (let at = start; at < end; at++) {
      keys.push(hashes[wanted[at]! * 2]! ^ Math.imul(processes[at]!, 0x9e3779b1));
      keys.push(hashes[wanted[at]! * 2 + 1]! ^ Math.imul(processes[at]!, 0x85ebca77));
      found.push(0);
    }
    stacks.whole.getAll(keys.values, found.values, end - start);
    for (let at = start; at < end; at++) {
      if (this.#depths[wanted[at]!] === TOO_DEEP) found.set(at - start, TOO_DEEP);
      else if (found.at(at - start) === 0) found.set(at - start, this.#path(wanted[at]!, processes[at]!));
    }
    const [{ values: frames }, { values: positions }, { values: ends }] = [this.#paths, this.#positions, this.#ends];
    const { values: nodes, length: paths } = this.#nodes;
    stacks.follow(frames, positions, ends, nodes, paths);
    for (let at = start, path = 0; at < end; at++) {
      let leaf = found.at(at - start);
      if (leaf === 0) {
        leaf = nodes[path]!;
        for (let next = positions[path]!; next < ends[path]! && leaf !== 0; next++) {
          leaf = stacks.child(leaf, frames[next]!);
        }
        path++;
        const key = (at - start) * 2;
        if (leaf !== 0) stacks.whole.set(keys.at(key) >>> 0, keys.at(key + 1) >>> 0, leaf);
      }
      this.#leaves[wanted[at]!] = leaf;
    }
  }

  /** Writes down a stack's frames, the outermost first, to follow them from its process; not 0 where that can't be. */
  #path(stack: number, process: number): number {
    const { offsets, values } = this.#dictionary.stacks;
    this.#walkable -= this.#depths[stack]!;
    if (this.#walkable < 0) return TOO_DEEP;
    const paths = this.#paths;
    const [begin, start] = [paths.length, offsets[stack]!];
    for (let at = offsets[stack + 1]! - 1; at >= start; at--) {
      const end = this.#frameEnds[values[at]!]!;
      for (let place = this.#frameStarts[values[at]!]!; place < end; place++) {
        const frame = this.#frameList.at(place);
        if (frame === 0) {
          paths.length = begin;
          return NO_ROOM;
        }
        paths.push(frame);
      }
    }
    const top = this.top(process);
    this.#positions.push(begin);
    // Where there is no room for the process, there is none for what it calls.
    this.#ends.push(top === 0 ? begin : paths.length);
    this.#nodes.push(top);
    return 0;
  }

  /** Looks at a stack's locations, once: how many frames they have. */
  #measure(stack: number): void {
    if (this.#depths[stack] !== UNKNOWN) return;
    const { offsets, values } = this.#dictionary.stacks;
    const end = offsets[stack + 1]!;
    let depth = 0;
    for (let at = offsets[stack]!; at < end; at++) {
      const location = values[at]!;
      if (this.#frameStarts[location] === UNKNOWN) this.#location(location);
      depth += this.#frameEnds[location]! - this.#frameStarts[location]!;
    }
    const isTooDeep = depth > MAX_FRAMES || depth > this.#hashable;
    if (!isTooDeep) this.#hashable -= depth;
    this.#depths[stack] = isTooDeep ? TOO_DEEP : depth;
  }

  #hash(stack: number): void {
    if (this.#hashes[stack * 2] !== 0 || this.#depths[stack] === TOO_DEEP) return;
    const { offsets, values } = this.#dictionary.stacks;
    const { values: frames } = this.#frameList;
    const [starts, ends] = [this.#frameStarts, this.#frameEnds];
    const end = offsets[stack + 1]!;
    let low = SEED_LOW!;
    let high = SEED_HIGH!;
    for (let at = offsets[stack]!; at < end; at++) {
      const frameEnd = ends[values[at]!]!;
      for (let frame = starts[values[at]!]!; frame < frameEnd; frame++) {
        const id = frames[frame]!;
        low = Math.imul(low ^ id, 0x9e3779b1);
        low ^= low >>> 15;
        high = Math.imul(high + id, 0xc2b2ae3d);
        high ^= (high >>> 13) + low;
      }
    }
    // 0 is what was not hashed yet.
    this.#hashes[stack * 2] = low === 0 ? 1 : low;
    this.#hashes[stack * 2 + 1] = high;
  }

  /** Hashes of a location's frames. */
  #location(location: number): void {
    const { locations, functions } = this.#dictionary;
    const mapping = this.#mapping(locations.mapping[location]!);
    const type = this.#frameType(location);
    this.#frameStarts[location] = this.#frameList.length;
    const first = locations.lineOffsets[location]!;
    for (let at = locations.lineOffsets[location + 1]! - 1; at >= first; at--) {
      const called = locations.lines.function[at]!;
      const name = functions.name[called]! || functions.systemName[called]!;
      this.#hashFrame(location, name, functions.filename[called]!, this.#line(at), type, mapping);
    }
    if (this.#frameList.length === this.#frameStarts[location]) this.#hashFrame(location, 0, 0, 0, type, mapping);
    this.#frameEnds[location] = this.#frameList.length;
    this.#newLocations.push(location);
  }

  #line(at: number): number {
    return this.#lines[at * 2 + 1] === 0 ? this.#lines[at * 2]! : 0;
  }

  /**
   * Puts a frame at the end of the list, as yet without its number.
   *
   * @param name and file: strings of the request; type and mapping: texts of the store
   */
  #hashFrame(location: number, name: number, file: number, line: number, type: number, mapping: number): void {
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
    this.#frameHashes.push(low ^ (low >>> 14));
    this.#frameHashes.push(high ^ (high >>> 15));
    this.#frameList.push(0);
  }

  /** Numbers of the frames that have hashes only; 0 of those that there is no room for. */
  #lookUpFrames(): void {
    const { length } = this.#newLocations;
    if (length === 0) return;
    const first = this.#frameStarts[this.#newLocations.at(0)]!;
    const numbers = this.#frameList.values.subarray(first);
    this.#frames.whole.getAll(this.#frameHashes.values.subarray(first * 2), numbers, this.#frameList.length - first);
    for (let at = 0; at < length; at++) {
      const location = this.#newLocations.at(at);
      const end = this.#frameEnds[location]!;
      for (let place = this.#frameStarts[location]!; place < end; place++) {
        if (this.#frameList.at(place) === 0) this.#frameList.set(place, this.#makeFrame(location, place));
      }
    }
    this.#newLocations.clear();
  }

  #makeFrame(location: number, place: number): number {
    const { locations, functions, strings } = this.#dictionary;
    const frames = this.#frames;
    const mapping = this.#mapping(locations.mapping[location]!);
    const type = this.#frameType(location);
    const at = locations.lineOffsets[location + 1]! - 1 - (place - this.#frameStarts[location]!);
    const isLine = at >= locations.lineOffsets[location]!;
    const called = locations.lines.function[at]!;
    const name = isLine ? functions.name[called]! || functions.systemName[called]! : 0;
    const [low, high] = name === 0 ? [this.#addresses[location * 2]!, this.#addresses[location * 2 + 1]!] : [0, 0];
    let frame: number;
    if (type === this.#abortMarker) frame = frames.mark("truncated", reasonOf(strings.text(name)));
    else {
      const file = isLine ? this.#text(functions.filename[called]!) : 0;
      frame = frames.intern(this.#text(name), file, isLine ? this.#line(at) : 0, type, mapping, low, high);
    }
    const hashes = this.#frameHashes;
    if (frame !== 0) frames.whole.set(hashes.at(place * 2) >>> 0, hashes.at(place * 2 + 1) >>> 0, frame);
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
