import type { Dictionary } from "#otlp";
import { attributeKey, attributeValue, valueText } from "./attributes.ts";
import { Key } from "./conventions.ts";

/** A frame as people and other tools see it. */
export interface Frame {
  /** Function, else its system name, else `file+0xaddress`; never empty. */
  readonly name: string;
  /** Source file; empty where not known. */
  readonly file: string;
  /** Where the function starts; 0 where not known. */
  readonly line: number;
  /** Binary; empty where not known. */
  readonly mapping: string;
  /** A value of `profile.frame.type` such as `kernel` or `jvm`; empty where not known. */
  readonly type: string;
  /** The compiler put it into its caller. */
  readonly inlined: boolean;
}

/** What mappings of the kernel are called by pprof writers and perf, where no attribute tells. */
const KERNEL_MAPPING = /^\[(?:kernel|guest\.kernel|vmlinux)|(?:^|\/)vmlinux|\.ko(?:\.\w+)?$/;

/**
 * The frames of a model's stacks: locations taken apart into their inlined calls, each distinct frame once. Frames are
 * told apart by what they show, not by address or line.
 */
export class Frames {
  readonly list: Frame[] = [];
  readonly #dictionary: Dictionary;
  readonly #ids = new Map<string, number>();
  readonly #ofLocation = new Map<number, readonly number[]>();

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** Frames of a stack by their position in `list`, the outermost first. */
  ofStack(stack: number): number[] {
    const { offsets, values } = this.#dictionary.stacks;
    const found: number[] = [];
    for (let at = offsets[stack + 1]! - 1; at >= offsets[stack]!; at--) found.push(...this.#location(values[at]!));
    return found;
  }

  /** A frame that stands for a group of stacks rather than a call. */
  group(name: string): number {
    return this.#intern({
      name: name === "" ? "(none)" : name,
      file: "",
      line: 0,
      mapping: "",
      type: "group",
      inlined: false,
    });
  }

  #location(location: number): readonly number[] {
    let frames = this.#ofLocation.get(location);
    if (!frames) {
      frames = this.#framesOf(location);
      this.#ofLocation.set(location, frames);
    }
    return frames;
  }

  #framesOf(location: number): number[] {
    const { locations, functions, mappings, strings } = this.#dictionary;
    const mapping = strings.text(mappings.filename[locations.mapping[location]!]!);
    const type = this.#type(location, mapping);
    const end = locations.lineOffsets[location + 1]!;
    const found: number[] = [];
    for (let line = end - 1; line >= locations.lineOffsets[location]!; line--) {
      const called = locations.lines.function[line]!;
      const name = strings.text(functions.name[called]!) || strings.text(functions.systemName[called]!);
      const file = strings.text(functions.filename[called]!);
      found.push(
        this.#intern({
          name: name || this.#unnamed(location, file || mapping),
          file,
          line: Number(functions.startLine[called]!),
          mapping,
          type,
          inlined: line < end - 1,
        }),
      );
    }
    if (found.length > 0) return found;
    return [this.#intern({ name: this.#unnamed(location, mapping), file: "", line: 0, mapping, type, inlined: false })];
  }

  #unnamed(location: number, file: string): string {
    const address = this.#dictionary.locations.address[location]!;
    const base = file.slice(file.lastIndexOf("/") + 1);
    if (address === 0n) return base === "" ? "[unknown]" : `[${base}]`;
    return base === "" ? `0x${address.toString(16)}` : `${base}+0x${address.toString(16)}`;
  }

  #type(location: number, mapping: string): string {
    const { locations, strings } = this.#dictionary;
    const { offsets, values } = locations.attributes;
    for (let at = offsets[location]!; at < offsets[location + 1]!; at++) {
      if (attributeKey(this.#dictionary, values[at]!) === Key.FRAME_TYPE) {
        return valueText(attributeValue(this.#dictionary, values[at]!));
      }
    }
    return strings.text(locations.frameType[location]!) || (KERNEL_MAPPING.test(mapping) ? "kernel" : "");
  }

  #intern(frame: Frame): number {
    const { name, file, line, mapping, type, inlined } = frame;
    const key = [name, file, line, mapping, type, inlined ? 1 : 0].join("\n");
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.list.push(frame) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }
}
