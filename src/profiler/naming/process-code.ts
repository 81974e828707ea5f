import type { Mapping } from "#linux";
import { type Dictionary, Unnamed } from "../profiles/dictionary.ts";
import type { Process, ProcessTable } from "../processes/index.ts";
import type { CodeFile } from "./code-file.ts";
import type { CodeFiles } from "./code-files.ts";
import type { FrameTypes } from "./frame-types.ts";
import type { NameQueue } from "./name-queue.ts";

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
}

/** Locations of the code that one program of a process runs. */
export class ProcessCode {
  readonly process: Process;
  readonly #sources: CodeSources;
  readonly #files = new Map<Mapping, CodeFile>();
  /** What was found last: neighbours in a stack often lie in one file. */
  #last: Mapping | undefined;

  constructor(process: Process, sources: CodeSources) {
    this.process = process;
    this.#sources = sources;
  }

  /** The mapping that holds an address; mappings are read again if none does. */
  mappingOf(address: number): Mapping | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let found = this.process.mappings?.find(address);
    if (found === undefined && address < END_OF_ADDRESSES && this.#sources.processes.refreshMappings(this.process)) {
      this.#files.clear();
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

  /** The location of an address; one that is new is named later. */
  locationOf(address: number): number {
    const mapping = this.mappingOf(address);
    const file = mapping && this.fileOf(mapping);
    if (!mapping || !file) return this.looseLocation(address, mapping);
    const { dictionary, queue, types } = this.#sources;
    const virtual = file.toVirtualAddress(address - mapping.start + mapping.fileOffset);
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

  /** The location of an address that is in no file: the address is all that can be told. */
  looseLocation(address: number, mapping: Mapping | undefined): number {
    const { dictionary, types } = this.#sources;
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
    return dictionary.addressLocation(entry, address >>> 0, Math.floor(address / HIGH), types.of("native"), reason);
  }
}
