import type { Frame, Frames } from "./frames.ts";

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
  readonly #stack = { frame: [] as number[], prefix: [] as (number | null)[], category: [] as number[] };
  readonly #resource = { lib: [] as number[], name: [] as number[] };
  readonly #frameIds = new Map<number, number>();
  readonly #resourceIds = new Map<string, number>();
  /** Node of the tree by parent and frame. */
  readonly #children = new Map<number, Map<number, number>>();
  readonly #stackIds = new Map<number, number | null>();

  constructor(frames: Frames, libs: FirefoxLibs) {
    this.#frames = frames;
    this.#libs = libs;
  }

  /** The innermost node of a stack of the model; null for an empty one. */
  stack(stack: number): number | null {
    const known = this.#stackIds.get(stack);
    if (known !== undefined) return known;
    let node: number | null = null;
    let inlineDepth = 0;
    for (const id of this.#frames.ofStack(stack)) {
      inlineDepth = this.#frames.list[id]!.inlined ? inlineDepth + 1 : 0;
      node = this.#child(node, this.#frameIndex(id, inlineDepth));
    }
    this.#stackIds.set(stack, node);
    return node;
  }

  /** The tables by their names in the format. */
  toJson(): object {
    const functions = this.#func.name.length;
    const frames = this.#frame.category.length;
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
        ...this.#stack,
        subcategory: filled(this.#stack.frame.length, 0),
        length: this.#stack.frame.length,
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

  #child(parent: number | null, frame: number): number {
    const siblings = this.#children.get(parent ?? -1) ?? new Map<number, number>();
    this.#children.set(parent ?? -1, siblings);
    let node = siblings.get(frame);
    if (node === undefined) {
      node = this.#stack.frame.push(frame) - 1;
      this.#stack.prefix.push(parent);
      this.#stack.category.push(this.#frame.category[frame]!);
      siblings.set(frame, node);
    }
    return node;
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
