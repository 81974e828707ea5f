import type { Frame, Frames } from "./frames.ts";
import { StackTree } from "./stack-tree.ts";

/** Strings of a thread by index. */
export class FirefoxStrings {
  readonly list: string[] = [];
  readonly #ids = new Map<string, number>();

  index(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.list.push(text) - 1;
      this.#ids.set(text, id);
    }
    return id;
  }
}

/** Binaries of the whole profile, as threads refer to them. */
export class FirefoxLibs {
  readonly list: object[] = [];
  readonly #ids = new Map<string, number>();

  index(path: string): number {
    let id = this.#ids.get(path);
    if (id === undefined) {
      const name = path.slice(path.lastIndexOf("/") + 1) || path;
      id = this.list.push({ arch: "", name, path, debugName: name, debugPath: path, breakpadId: "", codeId: null }) - 1;
      this.#ids.set(path, id);
    }
    return id;
  }
}

/** Categories by position; the front end wants one that is grey, for what has none. */
export const CATEGORIES = [
  { name: "Other", color: "grey", subcategories: ["Other"] },
  { name: "Native", color: "blue", subcategories: ["Other"] },
  { name: "Kernel", color: "orange", subcategories: ["Other"] },
  { name: "Managed", color: "green", subcategories: ["Other"] },
] as const;

/** `resourceTable.type` of a binary. */
const LIBRARY = 1;

/**
 * The tables of one thread: a tree of stacks over frames over functions. Each is a set of columns of one length, as the
 * processed format wants them.
 */
export class FirefoxTables {
  readonly strings = new FirefoxStrings();
  readonly #frames: Frames;
  readonly #libs: FirefoxLibs;
  readonly #func = {
    name: [] as number[],
    isJS: [] as boolean[],
    resource: [] as number[],
    fileName: [] as (number | null)[],
    lineNumber: [] as (number | null)[],
  };
  readonly #frame = { category: [] as number[], inlineDepth: [] as number[], line: [] as (number | null)[] };
  readonly #resource = { lib: [] as number[], name: [] as number[] };
  readonly #frameIds = new Map<number, number>();
  readonly #resourceIds = new Map<string, number>();
  readonly #tree = new StackTree();
  readonly #stackIds = new Map<number, number | null>();

  constructor(frames: Frames, libs: FirefoxLibs) {
    this.#frames = frames;
    this.#libs = libs;
  }

  /** The innermost node of a stack of the model; null for an empty one. */
  stack(stack: number): number | null {
    const known = this.#stackIds.get(stack);
    if (known !== undefined) return known;
    let node = -1;
    let inlineDepth = 0;
    for (const id of this.#frames.ofStack(stack)) {
      inlineDepth = this.#frames.list[id]!.inlined ? inlineDepth + 1 : 0;
      node = this.#tree.child(node, this.#frameIndex(id, inlineDepth));
    }
    const innermost = node < 0 ? null : node;
    this.#stackIds.set(stack, innermost);
    return innermost;
  }

  /** The tables by their names in the format. */
  toJson(): object {
    const functions = this.#func.name.length;
    const frames = this.#frame.category.length;
    const stacks = this.#tree.length;
    const stackFrames = [...this.#tree.frame.subarray(0, stacks)];
    return {
      stringArray: this.strings.list,
      funcTable: {
        ...this.#func,
        relevantForJS: filled(functions, false),
        columnNumber: filled(functions, null),
        length: functions,
      },
      frameTable: {
        ...this.#frame,
        func: this.#frame.category.map((_, at) => at),
        address: filled(frames, -1),
        subcategory: filled(frames, 0),
        nativeSymbol: filled(frames, null),
        innerWindowID: filled(frames, 0),
        implementation: filled(frames, null),
        column: filled(frames, null),
        length: frames,
      },
      stackTable: {
        frame: stackFrames,
        prefix: Array.from(this.#tree.parent.subarray(0, stacks), (prefix) => (prefix < 0 ? null : prefix)),
        category: stackFrames.map((frame) => this.#frame.category[frame]!),
        subcategory: filled(stacks, 0),
        length: stacks,
      },
      resourceTable: {
        ...this.#resource,
        host: filled(this.#resource.lib.length, null),
        type: filled(this.#resource.lib.length, LIBRARY),
        length: this.#resource.lib.length,
      },
      nativeSymbols: { libIndex: [], address: [], name: [], functionSize: [], length: 0 },
    };
  }

  /** One frame and one function for each frame of the model; they have the same index. */
  #frameIndex(id: number, inlineDepth: number): number {
    const key = id * 2 ** 20 + Math.min(inlineDepth, 2 ** 20 - 1);
    let index = this.#frameIds.get(key);
    if (index === undefined) {
      const frame = this.#frames.list[id]!;
      index = this.#frame.category.push(categoryOf(frame)) - 1;
      this.#frame.inlineDepth.push(inlineDepth);
      this.#frame.line.push(frame.line > 0 ? frame.line : null);
      this.#func.name.push(this.strings.index(frame.name));
      this.#func.isJS.push(frame.type === "v8js");
      this.#func.resource.push(frame.mapping === "" ? -1 : this.#resourceIndex(frame.mapping));
      this.#func.fileName.push(frame.file === "" ? null : this.strings.index(frame.file));
      this.#func.lineNumber.push(frame.line > 0 ? frame.line : null);
      this.#frameIds.set(key, index);
    }
    return index;
  }

  #resourceIndex(mapping: string): number {
    let index = this.#resourceIds.get(mapping);
    if (index === undefined) {
      index = this.#resource.lib.push(this.#libs.index(mapping)) - 1;
      this.#resource.name.push(this.strings.index(mapping.slice(mapping.lastIndexOf("/") + 1) || mapping));
      this.#resourceIds.set(mapping, index);
    }
    return index;
  }
}

function categoryOf({ type, mapping }: Frame): number {
  if (type === "kernel") return 2;
  if (type === "native" || type === "go" || type === "rust" || (type === "" && mapping !== "")) return 1;
  return type === "" ? 0 : 3;
}

function filled<T>(length: number, value: T): T[] {
  return new Array<T>(length).fill(value);
}
