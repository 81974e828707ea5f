import type { Mapping, MemoryBlocks } from "#linux";
import { type UnwindCode, UnwindEnd } from "#symbols";
import type { Clock } from "#telemetry";
import { type Dictionary, Unnamed } from "../profiles/dictionary.ts";
import type { Process, ProcessTable } from "../processes/index.ts";
import { StartFrames } from "../stacks/start-frames.ts";
import { AnnouncedCode } from "./announced-code.ts";
import type { CodeFile } from "./code-file.ts";
import type { CodeFiles } from "./code-files.ts";
import type { FrameTypes } from "./frame-types.ts";
import type { NameQueue } from "./name-queue.ts";
import type { ProcessWalks } from "./process-walks.ts";
import { ProcessCopying } from "./process-copying.ts";
import { PythonCode } from "./python-code.ts";
import { V8Code, v8FrameOffsets } from "./v8-code.ts";

const HIGH = 2 ** 32;
/** User addresses end here on all machines; the page of old system calls lies above. */
const END_OF_ADDRESSES = 2 ** 53;

/** What locations are made from. */
export interface CodeSources {
  readonly dictionary: Dictionary;
  readonly files: CodeFiles;
  readonly types: FrameTypes;
  readonly queue: NameQueue;
  readonly processes: Pick<ProcessTable, "refreshMappings">;
  /** Blocks of processes' memory, shared by all. */
  readonly blocks: MemoryBlocks;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly walks: ProcessWalks;
}

/** Locations of the code that one program of a process runs. */
export class ProcessCode {
  readonly process: Process;
  readonly #sources: CodeSources;
  readonly #files = new Map<Mapping, CodeFile>();
  /** What was found last: neighbours in a stack often lie in one file. */
  #last: Mapping | undefined;
  /** The file with V8 in it; undefined if this is no Node. */
  readonly #v8File: CodeFile | undefined;
  #v8: V8Code | undefined;
  #python: PythonCode | undefined;
  #announced: AnnouncedCode | undefined;
  /** With what its threads begin, as unwound stacks told. */
  readonly starts = new StartFrames();
  readonly #copying: ProcessCopying;
  readonly #unwindCodes = new Map<Mapping, UnwindCode>();
  /** What was unwound last, and where it's mapped. */
  #lastUnwindMapping: Mapping | undefined;
  #lastUnwindCode: UnwindCode | undefined;
  /** Whether addresses may mean something else later: code was generated. */
  isMoving = false;

  constructor(process: Process, sources: CodeSources) {
    this.process = process;
    this.#sources = sources;
    this.#v8File = this.#findV8();
    const layout = this.#v8File?.v8;
    if (layout) {
      this.isMoving = true;
    }
    this.#python = layout ? undefined : this.#findPython();
    const walk = this.#python?.walk;
    this.#copying = new ProcessCopying(process, sources.walks, {
      ...(layout && { v8: v8FrameOffsets(layout) }),
      ...(walk && { python: walk }),
    });
  }

  /** The mapping that holds an address; mappings are read again if none does. */
  mappingOf(address: number): Mapping | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let found = this.process.mappings?.find(address);
    if (found === undefined && address < END_OF_ADDRESSES && this.#sources.processes.refreshMappings(this.process)) {
      this.#files.clear();
      this.#unwindCodes.clear();
      this.#lastUnwindMapping = undefined;
      this.#findLoadedPython();
      found = this.process.mappings?.find(address);
    }
    this.#last = found;
    return found;
  }

  /** The file of a mapping; undefined for memory that is none's. */
  fileOf(mapping: Mapping): CodeFile | undefined {
    if (mapping.inode === 0n && mapping.path !== "[vdso]") return undefined;
    let file = this.#files.get(mapping);
    if (file === undefined || file.discarded) {
      file = this.#sources.files.of(this.process.pid, mapping);
      this.#files.set(mapping, file);
    }
    return file;
  }

  /** How frames at an address are unwound; undefined where no code is mapped. */
  unwindCodeAt(address: number): UnwindCode | undefined {
    const mapping = this.mappingOf(address);
    if (!mapping) return undefined;
    if (mapping === this.#lastUnwindMapping) return this.#lastUnwindCode;
    let code = this.#unwindCodes.get(mapping);
    if (!code || this.#files.get(mapping)?.discarded === true) {
      code = this.#unwindCodeOf(mapping, address);
      this.#unwindCodes.set(mapping, code);
    }
    this.#lastUnwindMapping = mapping;
    this.#lastUnwindCode = code;
    return code;
  }

  /**
   * Told of each stack that was copied, to learn which ones needn't be.
   *
   * @param leaf address where the sample hit
   * @param end one of `UnwindEnd`
   * @param agrees whether frame pointers had told the same
   */
  unwound(leaf: number, end: number, agrees: boolean): void {
    const mapping = this.mappingOf(leaf);
    if (!mapping) return;
    this.#copying.copied(end === UnwindEnd.CopyEnd);
    const file = this.fileOf(mapping);
    if (file) {
      file.noteLeaf(agrees);
      if (file.keepsFramePointers) this.#copying.keep(mapping.start, mapping.end);
    } else if (this.#v8File) {
      this.#copying.keepGenerated(mapping);
    }
  }

  #unwindCodeOf(mapping: Mapping, address: number): UnwindCode {
    const file = this.fileOf(mapping);
    return {
      bias: file ? this.virtualAddress(address, mapping, file) - address : 0,
      tables: file?.unwindTables,
      // Runtimes that generate code walk it themselves, by frame pointers; so do the parts of V8 that it generated ahead.
      keepsFramePointers: file === undefined || file === this.#v8File || file.isGo,
    };
  }

  /** The location of an address; one that is new is named later. */
  locationOf(address: number): number {
    const mapping = this.mappingOf(address);
    const file = mapping && this.fileOf(mapping);
    if (!mapping || !file) return this.looseLocation(address, mapping);
    const { dictionary, queue, types } = this.#sources;
    const virtual = this.virtualAddress(address, mapping, file);
    const known = dictionary.locationCount;
    const location = dictionary.addressLocation(
      file.mappingOf(virtual, dictionary),
      virtual >>> 0,
      Math.floor(virtual / HIGH),
      types.of("native"),
      Unnamed.NoSymbol,
    );
    if (location === known) queue.add(file, this.process.pid, location, virtual);
    return location;
  }

  virtualAddress(address: number, mapping: Mapping, file: CodeFile): number {
    return file.toVirtualAddress(address - mapping.start + mapping.fileOffset);
  }

  /** Whether V8's frames can be named: V8's own functions are told apart by their symbols. Else they're read soon. */
  get isReady(): boolean {
    const file = this.#v8File;
    if (file?.names.kind === "unread") this.#sources.queue.read(file, this.process.pid);
    return file?.names.kind !== "reading";
  }

  /** Functions of Python; undefined if it runs no CPython. */
  get python(): PythonCode | undefined {
    return this.#python;
  }

  /** JavaScript frames; undefined if this is no Node, or is gone. */
  get v8(): V8Code | undefined {
    const layout = this.#v8File?.v8;
    if (!layout || !this.process.facts) return undefined;
    const { blocks, dictionary, types } = this.#sources;
    this.#v8 ??= V8Code.open(this.process, layout, blocks, dictionary, types);
    return this.#v8;
  }

  /** Bytes of what is known of generated code. */
  get memoryBytes(): number {
    return (this.#v8?.memoryBytes ?? 0) + (this.#python?.memoryBytes ?? 0) + (this.#announced?.memoryBytes ?? 0);
  }

  endFlush(): void {
    this.#v8?.endFlush();
    this.#python?.endFlush();
  }

  /** Forgets what is known of generated code; it's read again when it's asked for. */
  forgetGenerated(): void {
    this.#v8?.close();
    this.#v8 = undefined;
    this.#python?.close();
    this.#announced?.close();
    this.#announced = undefined;
  }

  close(): void {
    this.#sources.walks.forget(this.process);
    this.forgetGenerated();
  }

  #findV8(): CodeFile | undefined {
    const { process } = this;
    const executable = process.facts?.executablePath;
    for (const mapping of process.mappings?.list ?? []) {
      if (mapping.path !== executable && !mapping.path.includes("/libnode.so")) continue;
      const file = this.fileOf(mapping);
      if (file?.v8) return file;
    }
    return undefined;
  }

  /** Its interpreter: an executable that is called so, or a library, for which other programs do as well. */
  #findPython(): PythonCode | undefined {
    const { process } = this;
    const executable = process.facts?.executablePath;
    for (const mapping of process.mappings?.list ?? []) {
      const isCandidate =
        mapping.path === executable ? /python[^/]*$/i.test(mapping.path) : mapping.path.includes("/libpython3.");
      const file = isCandidate ? this.fileOf(mapping) : undefined;
      if (!file?.cpython) continue;
      const bias = mapping.start - this.virtualAddress(mapping.start, mapping, file);
      return new PythonCode(process, file.cpython, bias, this.#sources);
    }
    return undefined;
  }

  /** A library may be mapped after the process was seen first: by the program loader, or by a program that embeds it. */
  #findLoadedPython(): void {
    if (this.#python || this.#v8File) return;
    this.#python = this.#findPython();
    const walk = this.#python?.walk;
    if (walk) this.#copying.walk({ python: walk });
  }

  /** The location of an address that is in no file: its runtime may have announced it, else the address is all there is. */
  looseLocation(address: number, mapping: Mapping | undefined): number {
    const { dictionary, types, clock } = this.#sources;
    if (mapping) {
      this.isMoving = true;
      this.#announced ??= new AnnouncedCode(this.process, clock);
      const functionName = this.#announced.find(address);
      if (functionName !== undefined) {
        const lines = dictionary.lineList([{ functionName, line: 0, startLine: 0 }]);
        return dictionary.namedLocation(0, lines, types.of("jit"));
      }
    }
    const isRead = this.process.mappings !== undefined;
    const reason = mapping ? Unnamed.Generated : isRead ? Unnamed.Unmapped : Unnamed.ProcessGone;
    const entry = mapping
      ? dictionary.mapping({
          start: mapping.start,
          limit: mapping.end,
          fileOffset: 0,
          fileName: mapping.path === "" ? "[anon]" : mapping.path,
          attributes: 0,
        })
      : 0;
    const location = dictionary.addressLocation(
      entry,
      address >>> 0,
      Math.floor(address / HIGH),
      types.of("native"),
      reason,
    );
    dictionary.leaveUnnamed(location);
    return location;
  }
}
