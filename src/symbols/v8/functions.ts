import type { Heap, HeapObject } from "./heap.ts";
import { MAX_NAME_CHARACTERS, readScopeInfo, type ScopeFacts } from "./scope-info.ts";
import { SourceLines } from "./source-lines.ts";
import { readString } from "./strings.ts";

/** A script: what a file, an eval or `node:internal/…` became. */
export interface V8Script {
  readonly address: number;
  /** Path, URL or `node:…`; undefined for eval and the like. */
  readonly fileName: string | undefined;
  /** Lines that the first one is away from the file's first. */
  readonly lineOffset: number;
  readonly lines: SourceLines;
}

/** A function as V8 shares it between its closures. */
export interface V8Function {
  readonly address: number;
  /** {@link ANONYMOUS} where it has no name and none could be inferred. */
  readonly name: string;
  /** Undefined for what is built into V8 or Node's C++. */
  readonly script: V8Script | undefined;
  /** Where in the script it begins, in characters; undefined if unknown. */
  readonly startPosition: number | undefined;
  /** 1-based; 0 if unknown. */
  readonly startLine: number;
}

/** Whether both are one function, which may have moved between two looks: no other begins at the same place. */
export function isSameFunction(one: V8Function, other: V8Function): boolean {
  if (one.address === other.address) return true;
  const isKnown = one.startPosition !== undefined && one.script !== undefined;
  return isKnown && isAlike(one, other) && one.script.fileName === other.script?.fileName;
}

/** What V8's own profiler calls functions without a name. */
export const ANONYMOUS = "(anonymous)";

/** Paths may be long, but nobody reads more. */
const MAX_FILE_NAME_CHARACTERS = 4096;
const MAX_FUNCTIONS = 8192;
const MAX_SCRIPTS = 1024;
/** Up to the script field, in all releases. */
const SHARED_BYTES = 48;
const SCRIPT_BYTES = 32;
/** UncompiledData: inferred name, start and end position. */
const UNCOMPILED = { inferredName: 8, startPosition: 16, BYTES: 24 } as const;

interface Known {
  readonly found: V8Function;
  /** Whether nothing of it was unreadable for the moment; else it's read anew whenever it's asked for. */
  readonly isWhole: boolean;
  readonly nameWord: number | undefined;
  readonly scriptWord: number | undefined;
  epoch: number;
}

/**
 * Functions by the address of their SharedFunctionInfo. What was read once is believed again after a look, once a
 * flush, at whether the same fields still stand there: the collector moves things.
 */
export class V8Functions {
  readonly #heap: Heap;
  readonly #functions = new Map<number, Known>();
  readonly #scripts = new Map<number, V8Script & { readonly sourceWord: number | undefined }>();
  #epoch = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** The function, or undefined if there is none (any more) at that address. */
  find(address: number): V8Function | undefined {
    const known = this.#functions.get(address);
    if (known?.isWhole === true && known.epoch === this.#epoch) return known.found;
    const { types, sharedFunctionInfo } = this.#heap.layout;
    const shared = this.#heap.objectOf(types.sharedFunctionInfo, address, SHARED_BYTES);
    if (!shared) {
      this.#functions.delete(address);
      return undefined;
    }
    const nameWord = shared.pointer(sharedFunctionInfo.nameOrScopeInfo);
    const scriptWord = shared.pointer(sharedFunctionInfo.script);
    if (known?.isWhole === true && known.nameWord === nameWord && known.scriptWord === scriptWord) {
      known.epoch = this.#epoch;
      return known.found;
    }
    const read = this.#read(address, shared, nameWord, scriptWord);
    if (!read) return undefined;
    // What is remembered of places in it goes on to count, as long as it's the same.
    const isUnchanged = known && isAlike(known.found, read.found) && known.found.script === read.found.script;
    const found = isUnchanged ? known.found : read.found;
    if (this.#functions.size >= MAX_FUNCTIONS) this.#functions.clear();
    this.#functions.set(address, { found, isWhole: read.isWhole, nameWord, scriptWord, epoch: this.#epoch });
    return found;
  }

  /** Line (from 1) of a position in a script; 0 if it can't be told. */
  lineAt(script: V8Script, position: number): number {
    const object = this.#heap.objectOf(this.#heap.layout.types.script, script.address, SCRIPT_BYTES);
    const source = object?.pointer(this.#heap.layout.script.source);
    const line = source === undefined ? undefined : script.lines.lineAt(this.#heap, source, position);
    return line === undefined ? 0 : Math.max(0, 1 + line + script.lineOffset);
  }

  /** The function, whatever was known of it until now: what it refers to may have moved since. */
  findAnew(address: number): V8Function | undefined {
    this.#functions.delete(address);
    return this.find(address);
  }

  /** From now on everything known is looked at again before it's believed. */
  endFlush(): void {
    this.#epoch++;
  }

  get memoryBytes(): number {
    let bytes = this.#functions.size * 400;
    for (const { lines } of this.#scripts.values()) bytes += 300 + lines.memoryBytes;
    return bytes;
  }

  #read(
    address: number,
    shared: HeapObject,
    nameWord: number | undefined,
    scriptWord: number | undefined,
  ): Pick<Known, "found" | "isWhole"> | undefined {
    const facts = this.#facts(shared, nameWord);
    if (!facts) return undefined;
    const script = scriptWord === undefined ? undefined : this.#script(scriptWord);
    const startLine = script && facts.startPosition !== undefined ? this.lineAt(script, facts.startPosition) : 0;
    return {
      found: { address, name: facts.name || ANONYMOUS, script, startPosition: facts.startPosition, startLine },
      isWhole: script !== undefined && startLine > 0 && this.#scripts.get(script.address) === script,
    };
  }

  #facts(shared: HeapObject, nameWord: number | undefined): ScopeFacts | undefined {
    const { layout } = this.#heap;
    // A small integer says that there is no name.
    const holder = nameWord === undefined ? undefined : this.#heap.object(nameWord, 16);
    if (nameWord !== undefined && !holder) return undefined;
    if (holder?.type === layout.types.scopeInfo) return readScopeInfo(this.#heap, holder.address);
    if (holder && holder.type >= layout.string.firstNonstringType) {
      this.#heap.faults.wrongType++;
      return undefined;
    }
    const name = holder ? readString(this.#heap, holder.address, MAX_NAME_CHARACTERS) : "";
    return name === undefined ? undefined : this.#uncompiledFacts(shared, name);
  }

  /** Without scope information the code was never compiled, or thrown away since; then the data tells the position. */
  #uncompiledFacts(shared: HeapObject, name: string): ScopeFacts {
    const { layout } = this.#heap;
    const address = shared.pointer(layout.sharedFunctionInfo.data);
    const data = address === undefined ? undefined : this.#heap.object(address, UNCOMPILED.BYTES);
    if (!data || !layout.types.uncompiledData.includes(data.type)) return { name, startPosition: undefined };
    const inferred = name === "" ? data.pointer(UNCOMPILED.inferredName) : undefined;
    return {
      name: name || (inferred === undefined ? "" : (readString(this.#heap, inferred, MAX_NAME_CHARACTERS) ?? "")),
      startPosition: data.uint32(UNCOMPILED.startPosition) | 0,
    };
  }

  /** Undefined if it's no script: builtins have none there, debugged functions something else. */
  #script(address: number): V8Script | undefined {
    const { layout } = this.#heap;
    const object = this.#heap.object(address, SCRIPT_BYTES);
    if (object?.type !== layout.types.script) return undefined;
    const sourceWord = object.pointer(layout.script.source);
    const known = this.#scripts.get(address);
    if (known && known.sourceWord === sourceWord) return known;
    const nameWord = object.pointer(layout.script.name);
    const name = nameWord === undefined ? undefined : this.#heap.object(nameWord, 16);
    const isText = name !== undefined && name.type < layout.string.firstNonstringType;
    const fileName = isText ? readString(this.#heap, name.address, MAX_FILE_NAME_CHARACTERS) : undefined;
    const script = {
      address,
      fileName: fileName === "" ? undefined : fileName,
      lineOffset: object.smallInteger(layout.script.lineOffset) ?? 0,
      lines: new SourceLines(),
      sourceWord,
    };
    // Scripts without a name have something else there; a name that can't be read may be there next time.
    if (name === undefined || (isText && fileName === undefined)) return script;
    if (this.#scripts.size >= MAX_SCRIPTS) this.#scripts.clear();
    this.#scripts.set(address, script);
    return script;
  }
}

function isAlike(one: V8Function, other: V8Function): boolean {
  return one.name === other.name && one.startPosition === other.startPosition && one.startLine === other.startLine;
}
