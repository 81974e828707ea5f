import { createHash } from "node:crypto";
import { basename } from "node:path/posix";
import type { FileProblem } from "#linux";
import {
  type ByteSource,
  type CPythonLayout,
  type ElfFile,
  type ElfSegment,
  openElf,
  readCPythonLayout,
  readV8Layout,
  type SymbolFrame,
  SymbolProblem,
  UnwindTables,
  type V8Layout,
} from "#symbols";
import type { Dictionary } from "../profiles/dictionary.ts";
import type { CodeNames } from "./code-names.ts";

/** `PT_LOAD`. */
const LOAD = 1;
const HASHED_BYTES = 4096;
/** Samples after which it is known whether frame pointers tell all callers of a file's code, and share of those where they do. */
const JUDGED_LEAVES = 128;
const KEPT_SHARE = 0.99;
/** Addresses whose functions are remembered. */
const MAX_SYMBOLS = 4096;

/** Something that holds code: a file that processes map, or the kernel's page for them. */
export interface OpenedCode extends ByteSource {
  close(): void;
}

/** How far a file's names are. */
export type NamesState =
  | { readonly kind: "unread" }
  | { readonly kind: "reading" }
  | { readonly kind: "read"; readonly names: CodeNames }
  /** It has none, or can't be read. */
  | { readonly kind: "none" };

/**
 * A file that processes execute: how its positions become virtual addresses, what tells this build from others, and, once
 * they are read, its names. Shared by all processes that map it.
 */
export class CodeFile {
  /** As its process sees it. */
  readonly path: string;
  readonly elf: ElfFile | undefined;
  /** Why there is no `elf`. */
  readonly problem: FileProblem | SymbolProblem | undefined;
  /** Whether Go's compiler made it, whose code always keeps frame pointers. */
  readonly isGo: boolean;
  names: NamesState;
  /** Number of the flush in which it was last asked for. */
  lastUsed = 0;
  /** Closed: whoever still has it looks the file up again. */
  discarded = false;
  readonly #source: OpenedCode | undefined;
  readonly #executable: readonly ElfSegment[];
  #contentHash: string | undefined;
  #v8: V8Layout | SymbolProblem | undefined;
  #cpython: CPythonLayout | SymbolProblem | undefined;
  #unwindTables: UnwindTables | null | undefined;
  #leaves = 0;
  #keptLeaves = 0;
  /** What `symbolAt` said: all processes of a runtime ask the same. */
  readonly #symbols = new Map<number, SymbolFrame | null>();
  /** Numbers of the mappings in the dictionary, by segment, and of which generation of it. */
  #mappings: number[] = [];
  #generation = -1;

  /** @param source taken over: `discard` closes it */
  constructor(path: string, source: OpenedCode | FileProblem) {
    this.path = path;
    if ("reason" in source) {
      this.problem = source;
    } else {
      this.#source = source;
      const elf = openElf(source);
      if (elf instanceof SymbolProblem) this.problem = elf;
      else this.elf = elf;
    }
    this.isGo = this.elf?.goBuildId !== undefined || this.elf?.section(".gopclntab") !== undefined;
    this.#executable = this.elf?.segments.filter(({ type, executable }) => type === LOAD && executable) ?? [];
    this.names = { kind: this.elf ? "unread" : "none" };
  }

  get memoryBytes(): number {
    const names = this.names.kind === "read" ? this.names.names.memoryBytes : 0;
    return names + (this.#unwindTables?.memoryBytes ?? 0);
  }

  /** The virtual address of a position in the file; the position itself where the file tells nothing. */
  toVirtualAddress(position: number): number {
    return this.elf?.toVirtualAddress(position) ?? position;
  }

  /** The number in the dictionary of the mapping that holds a virtual address. */
  mappingOf(address: number, dictionary: Dictionary): number {
    if (this.#generation !== dictionary.generation) {
      this.#generation = dictionary.generation;
      this.#mappings = [];
    }
    const segments = this.#executable;
    let at = 0;
    while (at < segments.length && !holds(segments[at]!, address)) at++;
    return (this.#mappings[at] ??= dictionary.mapping({
      start: segments[at]?.virtualAddress ?? 0,
      limit: at < segments.length ? segments[at]!.virtualAddress + segments[at]!.memorySizeBytes : 0,
      fileOffset: segments[at]?.filePosition ?? 0,
      fileName: basename(this.path),
      attributes: this.#buildIds(dictionary),
    }));
  }

  /** How its frames are unwound; undefined if it doesn't say. Found when it's asked for first, which takes a millisecond. */
  get unwindTables(): UnwindTables | undefined {
    if (this.discarded || !this.elf) return undefined;
    this.#unwindTables ??= UnwindTables.open(this.elf) ?? null;
    return this.#unwindTables ?? undefined;
  }

  /** Whether its code keeps frame pointers, as far as samples that hit it tell. */
  get keepsFramePointers(): boolean {
    return this.isGo || (this.#leaves >= JUDGED_LEAVES && this.#keptLeaves >= this.#leaves * KEPT_SHARE);
  }

  /** Tells of a sample that hit its code, and whether frame pointers told all of its callers. */
  noteLeaf(isKept: boolean): void {
    this.#leaves++;
    if (isKept) this.#keptLeaves++;
  }

  /** Where its V8 keeps what, if it is a build of Node. Read when it's asked for first, which takes milliseconds. */
  get v8(): V8Layout | undefined {
    if (!this.elf) return undefined;
    this.#v8 ??= readV8Layout(this.elf);
    return this.#v8 instanceof SymbolProblem ? undefined : this.#v8;
  }

  /** Where its CPython keeps what, if it has one. Read when it's asked for first, which takes milliseconds. */
  get cpython(): CPythonLayout | undefined {
    if (!this.elf) return undefined;
    this.#cpython ??= readCPythonLayout(this.elf);
    return this.#cpython instanceof SymbolProblem ? undefined : this.#cpython;
  }

  /** The function at a virtual address, the innermost one; undefined if there is none or the names weren't read. */
  symbolAt(address: number): SymbolFrame | undefined {
    if (this.names.kind !== "read") return undefined;
    let symbol = this.#symbols.get(address);
    if (symbol === undefined) {
      symbol = this.names.names.find(address)?.frames[0] ?? null;
      if (this.#symbols.size >= MAX_SYMBOLS) this.#symbols.clear();
      this.#symbols.set(address, symbol);
    }
    return symbol ?? undefined;
  }

  /** Gives back what it holds. */
  discard(): void {
    this.discarded = true;
    if (this.names.kind === "read") this.names.names.close();
    this.names = { kind: "none" };
    this.#source?.close();
  }

  #buildIds(dictionary: Dictionary): number {
    if (!this.elf || !this.#source) return 0;
    this.#contentHash ??= contentHash(this.#source);
    let list = dictionary.attributeList(
      dictionary.textAttribute("process.executable.build_id.htlhash", this.#contentHash),
      0,
    );
    const { goBuildId, gnuBuildId } = this.elf;
    if (goBuildId !== undefined) {
      list = dictionary.attributeList(dictionary.textAttribute("process.executable.build_id.go", goBuildId), list);
    }
    if (gnuBuildId !== undefined) {
      list = dictionary.attributeList(dictionary.textAttribute("process.executable.build_id.gnu", gnuBuildId), list);
    }
    return list;
  }
}

function holds({ virtualAddress, memorySizeBytes }: ElfSegment, address: number): boolean {
  return address >= virtualAddress && address < virtualAddress + memorySizeBytes;
}

/**
 * `process.executable.build_id.htlhash` of the semantic conventions: half of the SHA-256 of the first and the last 4096
 * bytes and the length (64 bits, big endian).
 */
function contentHash(source: ByteSource): string {
  const hash = createHash("sha256");
  const bytes = new Uint8Array(HASHED_BYTES);
  hash.update(bytes.subarray(0, source.read(bytes, 0)));
  const tail = Math.max(0, source.sizeBytes - HASHED_BYTES);
  hash.update(bytes.subarray(0, source.read(bytes, tail)));
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(source.sizeBytes));
  hash.update(new Uint8Array(length.buffer));
  return hash.digest("hex").slice(0, 32);
}
